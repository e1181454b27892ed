using CloudNative.CloudEvents;
using CloudNative.CloudEvents.Http;
using CloudNative.CloudEvents.SystemTextJson;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Events;

/// <summary>Reads a CloudEvent 1.0 in the binary or structured mode of the HTTP binding.</summary>
internal static class EventReader
{
    private const int MaxNameLength = 1024;
    private const string DefaultContentType = "application/json";
    private static readonly JsonEventFormatter Formatter = new();

    public static async Task<EventReading> ReadAsync(HttpRequest request, byte[] body)
    {
        using var message = Message(request, body);
        try
        {
            if (message.IsCloudEventBatch()) return Wrong("Batches are not supported. Send the events one by one.", 415);
            if (!message.IsCloudEvent())
                return Wrong("The event has neither the header ce-specversion nor the content type application/cloudevents+json.");
            var isStructured = message.Content!.Headers.ContentType?.MediaType?.StartsWith("application/cloudevents",
                StringComparison.OrdinalIgnoreCase) is true;
            var read = await message.ToCloudEventAsync(Formatter);
            if (read.SpecVersion != CloudEventsSpecVersion.V1_0) return Wrong($"specversion {read.SpecVersion.VersionId} is not 1.0.");
            if (string.IsNullOrEmpty(read.Type)) return Wrong("The event has no type.");
            if (string.IsNullOrEmpty(read.Id)) return Wrong("The event has no id.");
            if (read.Source is null) return Wrong("The event has no source.");
            if (read.Type.Length > MaxNameLength || read.Subject?.Length > MaxNameLength)
                return Wrong($"The type or subject is longer than {MaxNameLength} characters.");
            var source = read.Source.OriginalString;
            var arrived = new StoredEvent(
                StoredEvent.NameOf(source, read.Id), new Topic(read.Type, string.IsNullOrEmpty(read.Subject) ? null : read.Subject),
                isStructured ? read.DataContentType ?? DefaultContentType : request.ContentType ?? DefaultContentType,
                isStructured ? Formatter.EncodeBinaryModeEventData(read) : body);
            return new EventReading(arrived, source, null);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidOperationException
            or System.Text.Json.JsonException or UriFormatException)
        {
            return Wrong(e.Message);
        }
    }

    private static HttpRequestMessage Message(HttpRequest request, byte[] body)
    {
        var message = new HttpRequestMessage(HttpMethod.Post, "/") { Content = new ByteArrayContent(body) };
        foreach (var (name, values) in request.Headers)
        {
            if (name.StartsWith("ce-", StringComparison.OrdinalIgnoreCase))
                message.Headers.TryAddWithoutValidation(name, values.ToString());
        }

        if (request.ContentType is { } type) message.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        return message;
    }

    private static EventReading Wrong(string detail, int status = 400) =>
        new(null, "", Problems.EventMalformed(detail) with { Status = status });
}
