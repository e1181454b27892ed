using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>
/// A response as it is stored: <c>{"status":200,"reason":"OK","version":"1.1","headers":[["name","value"],…],"body":"base64"}</c>.
/// </summary>
internal sealed class StoredResponse
{
    public const string ContentType = "application/vnd.durable.http-response+json";

    /// <summary>Headers of the connection, which are not stored.</summary>
    private static readonly HashSet<string> HopHeaders =
        new(["Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"],
            StringComparer.OrdinalIgnoreCase);

    private int _status;
    private string? _reason;
    private Version _version = new(1, 1);
    private List<KeyValuePair<string, string>> _headers = [];
    private byte[] _body = [];

    public static async Task<StoredResponse> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        IEnumerable<KeyValuePair<string, IEnumerable<string>>> headers = response.Headers;
        if (response.Content is not null) headers = headers.Concat(response.Content.Headers);
        return new StoredResponse
        {
            _status = (int)response.StatusCode,
            _reason = response.ReasonPhrase,
            _version = response.Version,
            _headers =
            [
                .. headers.Where(header => !HopHeaders.Contains(header.Key))
                    .SelectMany(header => header.Value, (header, value) => new KeyValuePair<string, string>(header.Key, value)),
            ],
            _body = response.Content is null ? [] : await BodyAsync(response.Content, cancellationToken).ConfigureAwait(false),
        };
    }

    /// <exception cref="JsonException">The JSON is not a stored response.</exception>
    public static StoredResponse Parse(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            var status = root.GetProperty("status").GetInt32();
            if (status is < 100 or > 999) throw new JsonException($"{status} is not the status of a response.");
            return new StoredResponse
            {
                _status = status,
                _reason = root.TryGetProperty("reason", out var reason) ? reason.GetString() : null,
                _version = root.TryGetProperty("version", out var version) && Version.TryParse(version.GetString(), out var parsed)
                    ? parsed
                    : new Version(1, 1),
                _headers = [.. root.GetProperty("headers").EnumerateArray().Select(header =>
                    new KeyValuePair<string, string>(header[0].GetString()!, header[1].GetString()!))],
                _body = root.GetProperty("body").GetBytesFromBase64(),
            };
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException or IndexOutOfRangeException)
        {
            throw new JsonException($"The content is not a stored response: {e.Message}", e);
        }
    }

    public byte[] ToJson()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("status", _status);
            if (_reason is not null) json.WriteString("reason", _reason);
            json.WriteString("version", _version.ToString());
            json.WriteStartArray("headers");
            foreach (var header in _headers)
            {
                json.WriteStartArray();
                json.WriteStringValue(header.Key);
                json.WriteStringValue(header.Value);
                json.WriteEndArray();
            }

            json.WriteEndArray();
            json.WriteBase64String("body", _body);
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    public HttpResponseMessage ToResponse()
    {
        var response = new HttpResponseMessage((HttpStatusCode)_status) { Content = new ByteArrayContent(_body), Version = _version };
        if (_reason is not null) response.ReasonPhrase = _reason;
        foreach (var header in _headers)
        {
            // HttpResponseHeaders refuse content headers.
            if (!response.Headers.TryAddWithoutValidation(header.Key, header.Value))
                response.Content.Headers.TryAddWithoutValidation(header.Key, header.Value);
        }

        return response;
    }

    private static Task<byte[]> BodyAsync(HttpContent content, CancellationToken cancellationToken) =>
#if NET
        content.ReadAsByteArrayAsync(cancellationToken);
#else
        content.ReadAsByteArrayAsync();
#endif
}
