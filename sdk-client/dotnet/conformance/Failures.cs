using System.Text.Json.Nodes;

namespace DurableGateway.Client.Conformance;

/// <summary>The exceptions that programs name.</summary>
internal static class Failures
{
    public static Exception Of(JsonObject failure)
    {
        var message = (string?)failure["message"] ?? "it failed";
        return (string?)failure["kind"] switch
        {
            "final" => new NonRetryableException(message) { ClientMessage = (string?)failure["clientMessage"] },
            "later" => new RetryAfterException(TimeSpan.FromSeconds((double)failure["seconds"]!), message),
            _ => new IOException(message),
        };
    }
}
