using System.Text.Json;
using System.Text.Json.Serialization;

namespace DurableGateway.Protocol;

/// <summary>Problem details (RFC 9457) of the gateway. <c>type</c> is stable. <c>detail</c> is for people and can change.</summary>
internal sealed record Problem(
    [property: JsonPropertyName("type")] string Type,
    [property: JsonPropertyName("title")] string Title,
    [property: JsonPropertyName("status")] int Status,
    [property: JsonPropertyName("detail")] string? Detail = null,
    [property: JsonPropertyName("runId")] string? RunId = null,
    [property: JsonPropertyName("source")] string? Source = null)
{
    public const string ContentType = "application/problem+json";

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ProblemJson.Default.Problem);
}
