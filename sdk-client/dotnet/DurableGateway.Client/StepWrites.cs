using System;
using System.Collections.Generic;
using System.Globalization;
using System.Net.Http;
using System.Net.Http.Headers;

namespace DurableGateway.Client;

/// <summary>What a call says of a step.</summary>
internal interface IStepWrite
{
    HttpRequestMessage ToRequest(string url);
}

/// <summary>A step that is executed at most once begins.</summary>
internal sealed class StartedWrite : IStepWrite
{
    public static readonly StartedWrite Instance = new();

    public HttpRequestMessage ToRequest(string url)
    {
        var message = new HttpRequestMessage(HttpMethod.Put, url);
        message.Headers.Add(DurableHeaders.StepType, StepTypes.Run);
        message.Headers.Add(DurableHeaders.StepOutcome, "started");
        return message;
    }
}

/// <summary>A step that the gateway completes: it sleeps, or waits for something.</summary>
internal sealed class ParkedWrite(string type, byte[]? body = null, string? contentType = null) : IStepWrite
{
    private readonly List<KeyValuePair<string, string>> _headers = [];

    public static ParkedWrite For(TimeSpan time) => new ParkedWrite(StepTypes.Sleep).With(DurableHeaders.StepFor, time);

    public static ParkedWrite Until(DateTimeOffset time) => new ParkedWrite(StepTypes.Sleep).With(
        DurableHeaders.StepUntil, time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture));

    public ParkedWrite With(string header, string? value)
    {
        if (value is not null) _headers.Add(new(header, value));
        return this;
    }

    public ParkedWrite With(string header, TimeSpan? value) => With(header, value is { } span ? StructuredField.Seconds(span) : null);

    public HttpRequestMessage ToRequest(string url)
    {
        var message = new HttpRequestMessage(HttpMethod.Put, url);
        message.Headers.Add(DurableHeaders.StepType, type);
        foreach (var header in _headers) message.Headers.TryAddWithoutValidation(header.Key, header.Value);
        if (body is null) return message;
        message.Content = new ByteArrayContent(body);
        message.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType!);
        return message;
    }
}

/// <summary>What a checkpoint says of a step.</summary>
internal sealed class StepWrite : IStepWrite
{
    public bool Failed { get; set; }
    public bool NoRetry { get; set; }
    public TimeSpan? RetryAfter { get; set; }
    public string? Retry { get; set; }
    public TimeSpan Duration { get; set; }
    public string ContentType { get; set; } = StepContent.JsonType;
    public byte[] Body { get; set; } = [];

    public HttpRequestMessage ToRequest(string url)
    {
        var message = new HttpRequestMessage(HttpMethod.Put, url) { Content = new ByteArrayContent(Body) };
        message.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(ContentType);
        message.Headers.Add(DurableHeaders.StepDuration, StructuredField.Seconds(Duration));
        if (!Failed) return message;
        message.Headers.Add(DurableHeaders.StepOutcome, "failed");
        if (NoRetry) message.Headers.Add(DurableHeaders.Retry, "?0");
        if (Retry is not null) message.Headers.TryAddWithoutValidation(DurableHeaders.StepRetry, Retry);
        if (RetryAfter is { } delay) message.Headers.TryAddWithoutValidation("Retry-After", StructuredField.Seconds(delay));
        return message;
    }
}
