using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard;

/// <summary>An event that an operator enters.</summary>
internal sealed record EventForm(string Type, string Subject, string Id, string ContentType, string Data)
{
    /// <summary>The <c>source</c> of these events.</summary>
    public const string Source = "/_durable/dashboard";

    private const int MaxNameLength = 1024;

    public static EventForm Empty { get; } = new("", "", "", "application/json", "{\n  \n}");

    public static EventForm Read(IFormCollection form) => new(
        form["type"].ToString().Trim(), form["subject"].ToString().Trim(), form["id"].ToString().Trim(),
        form["contentType"].ToString().Trim() is { Length: > 0 } type ? type : "application/json", form["data"].ToString());

    /// <returns>The error, or <see langword="null"/> if the event is valid.</returns>
    public string? Check(long maxBytes)
    {
        if (Type.Length == 0) return "The type is missing. Enter the event type that the step waits for.";
        if (Type.Length > MaxNameLength || Subject.Length > MaxNameLength) return $"Type or subject exceeds {MaxNameLength} characters.";
        if (!StructuredFields.IsString(ContentType)) return "The content type contains characters that are not valid in a header.";
        if (Encoding.UTF8.GetByteCount(Data) > maxBytes) return $"The data is larger than {Format.Bytes(maxBytes)}.";
        if (ContentType.Contains("json", StringComparison.OrdinalIgnoreCase) && !IsJson())
            return "The content type is JSON, but the data is not JSON.";
        return null;
    }

    public StoredEvent ToEvent(Guid fallbackId)
    {
        var id = Id.Length > 0 ? Id : fallbackId.ToString();
        return new StoredEvent(StoredEvent.NameOf(Source, id), new Topic(Type, Subject.Length > 0 ? Subject : null),
            ContentType, Encoding.UTF8.GetBytes(Data));
    }

    private bool IsJson()
    {
        try
        {
            using var document = System.Text.Json.JsonDocument.Parse(Data);
            return true;
        }
        catch (System.Text.Json.JsonException)
        {
            return false;
        }
    }
}
