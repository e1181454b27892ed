using System;
using System.IO;
using System.Text.Json;

namespace DurableGateway.Client;

/// <summary>Writes CloudEvents 1.0 in structured mode.</summary>
internal static class CloudEvent
{
    /// <param name="run">The run that sends the event. It is the event's source.</param>
    /// <param name="step">The step that sends the event. Run and step form the event's id, so that the gateway detects repetitions.</param>
    /// <param name="type">The event type, which <c>wait</c> steps name.</param>
    /// <param name="key">The event's subject.</param>
    /// <param name="data">The payload; empty for none.</param>
    /// <param name="contentType">The content type of the payload. Other payloads than JSON are written as base64.</param>
    public static byte[] Write(string run, string step, string type, string? key, byte[] data, string contentType)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("specversion", "1.0");
            json.WriteString("id", $"{run}/{step}");
            json.WriteString("source", "/_durable/v1/runs/" + run);
            json.WriteString("type", type);
            if (key is not null) json.WriteString("subject", key);
            if (data.Length > 0)
            {
                json.WriteString("datacontenttype", contentType);
                if (contentType == StepContent.JsonType)
                {
                    json.WritePropertyName("data");
                    json.WriteRawValue(data.AsSpan());
                }
                else
                {
                    json.WriteBase64String("data_base64", data);
                }
            }

            json.WriteEndObject();
        }

        return buffer.ToArray();
    }
}
