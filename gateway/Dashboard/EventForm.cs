using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard;

/// <summary>An event as an operator types it in.</summary>
internal sealed record EventForm(string Type, string Subject, string Id, string ContentType, string Data)
{
    /// <summary>Where these events say that they come from.</summary>
    public const string Source = "/_durable/dashboard";

    private const int MaxNameLength = 1024;

    public static EventForm Empty { get; } = new("", "", "", "application/json", "{\n  \n}");

    public static EventForm Read(IFormCollection form) => new(
        form["type"].ToString().Trim(), form["subject"].ToString().Trim(), form["id"].ToString().Trim(),
        form["contentType"].ToString().Trim() is { Length: > 0 } type ? type : "application/json", form["data"].ToString());

    /// <returns>What is wrong with it, or <see langword="null"/>.</returns>
    public string? Check(long maxBytes)
    {
        if (Type.Length == 0) return "An event needs a type: the one that a wait step names.";
        if (Type.Length > MaxNameLength || Subject.Length > MaxNameLength) return $"Type and subject can have {MaxNameLength} characters.";
        if (!StructuredFields.IsString(ContentType)) return "The content type has characters that no header can have.";
        if (Encoding.UTF8.GetByteCount(Data) > maxBytes) return $"The data can have {Format.Bytes(maxBytes)}.";
        if (ContentType.Contains("json", StringComparison.OrdinalIgnoreCase) && !IsJson())
            return "The data is not JSON, though its content type says so.";
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
