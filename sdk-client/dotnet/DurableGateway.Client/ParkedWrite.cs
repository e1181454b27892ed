using System;
using System.Collections.Generic;
using System.Globalization;
using System.Net.Http;
using System.Net.Http.Headers;

namespace DurableGateway.Client;

/// <summary>A step that the gateway completes: a sleep or a wait.</summary>
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
