using System;
using System.Net.Http;
using System.Net.Http.Headers;

namespace DurableGateway.Client;

/// <summary>The content of a checkpoint.</summary>
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
