using System.Net.Http;

namespace DurableGateway.Client;

/// <summary>The start of a step that is executed at most once.</summary>
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
