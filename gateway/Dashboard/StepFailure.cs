using System.Text.Json;

namespace DurableGateway.Dashboard;

/// <summary>
/// A failure as SDKs store it: problem details with the exception. Other failures are shown as plain bodies.
/// </summary>
internal sealed record StepFailure(string? Title, string? Detail, string? ExceptionType, string? Stack)
{
    public static StepFailure? Of(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object) return null;
        var failure = new StepFailure(Text(json, "title"), Text(json, "detail"), Text(json, "exceptionType"), Text(json, "stackTrace"));
        return failure is { Title: null, Detail: null } ? null : failure;
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
