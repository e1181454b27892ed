using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using DurableGateway.Configuration;
using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <summary>Masks secrets in headers and bodies before the admin API returns them.</summary>
internal sealed class BodyMasker(GatewaySettings settings)
{
    public const string Mask = "***";

    private static readonly JsonDocumentOptions Lenient = new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly string[] Credentials =
        ["token", "secret", "password", "credential", "api-key", "apikey", "access-key", "subscription-key", "functions-key", "signature"];

    private readonly HashSet<string> _headers = new(
        [.. settings.MaskedHeaders, "Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization"], StringComparer.OrdinalIgnoreCase);

    private readonly string[][] _paths = [.. settings.MaskedJsonPaths.Select(path => path.Split('.'))];

    /// <param name="lines">The stored headers.</param>
    /// <param name="scope">The policy's idempotency scope: the header that identifies callers, which is a credential.</param>
    public IReadOnlyList<HeaderLine> Headers(IReadOnlyList<HeaderLine> lines, string scope) =>
        [.. lines.Select(line => IsMasked(line.Name, scope) ? line with { Value = Mask } : line)];

    /// <summary>Whether a header is masked: <c>X-Api-Key</c>, <c>X-Auth-Token</c> and their like are credentials by their names.</summary>
    private bool IsMasked(string name, string scope) =>
        _headers.Contains(name) || name.Equals(scope, StringComparison.OrdinalIgnoreCase)
        || Credentials.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase));

    public StoredRequest Request(StoredRequest request, string scope) => request with
    {
        Headers = Headers(request.Headers, scope),
        Body = Body(request.Body, ValueOf(request.Headers, "Content-Type"), ValueOf(request.Headers, "Content-Encoding")),
    };

    public StoredResponse Response(StoredResponse response, string scope) => response with
    {
        Headers = Headers(response.Headers, scope),
        Trailers = response.Trailers is { } trailers ? Headers(trailers, scope) : null,
        Body = Body(response.Body, ValueOf(response.Headers, "Content-Type"), ValueOf(response.Headers, "Content-Encoding")),
    };

    /// <summary>Masks the configured paths. An encoded or malformed body that may contain them is masked as a whole.</summary>
    public ReadOnlyMemory<byte> Body(ReadOnlyMemory<byte> body, string? contentType, string? encoding = null)
    {
        if (_paths.Length == 0 || body.IsEmpty) return body;
        var isJson = contentType?.Contains("json", StringComparison.OrdinalIgnoreCase) ?? false;
        if (!string.IsNullOrEmpty(encoding) && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
            return Encoding.UTF8.GetBytes(Mask);
        try
        {
            // Independent of the content type, because clients may parse any body as JSON.
            var root = JsonNode.Parse(body.Span, documentOptions: Lenient);
            var masked = false;
            foreach (var path in _paths) masked |= Apply(root, path);
            return masked ? Encoding.UTF8.GetBytes(root!.ToJsonString(Readable)) : body;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return isJson ? Encoding.UTF8.GetBytes(Mask) : body;
        }
    }

    /// <summary>Whether a body may be JSON with values to mask.</summary>
    public bool MayHide(ReadOnlyMemory<byte> body) =>
        _paths.Length > 0 && body.Span.TrimStart(" \t\r\n\uFEFF"u8) is [(byte)'{' or (byte)'[', ..];

    /// <summary>Masks the values of a drift that the configured paths name. A form field counts as a member of an object.</summary>
    public CallDrift Drift(CallDrift drift) => _paths.Length == 0 || drift.Kind == CallDrift.Digest ? drift : drift with
    {
        Differences =
        [
            .. drift.Differences.Select(one => one with { Old = Value(one.Path, one.Old), New = Value(one.Path, one.New) }),
        ],
    };

    /// <summary>Masks a value at a path in a document.</summary>
    private string? Value(IReadOnlyList<string> path, string? json)
    {
        if (json is null) return null;
        try
        {
            var root = JsonNode.Parse(json);
            for (var i = path.Count - 1; i >= 0; i--)
                root = ValueDifference.IsIndex(path[i]) ? new JsonArray(root) : new JsonObject { [path[i]] = root };
            foreach (var masked in _paths) Apply(root, masked);

            // A mask may be further up than the value.
            for (var i = 0; i < path.Count && root is JsonObject or JsonArray; i++) root = root is JsonArray ? root[0] : root[path[i]];
            return root?.ToJsonString(Readable) ?? "null";
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return $"\"{Mask}\"";
        }
    }

    private static bool Apply(JsonNode? node, ReadOnlySpan<string> path)
    {
        var masked = false;
        var last = path.Length == 1;
        switch (node)
        {
            case JsonObject members:
                foreach (var name in members.Select(member => member.Key).Where(Matcher(path[0])).ToArray())
                {
                    if (last) members[name] = Mask;
                    masked |= last || Apply(members[name], path[1..]);
                }

                break;
            case JsonArray items when path[0] == "*":
                for (var i = 0; i < items.Count; i++)
                {
                    if (last) items[i] = Mask;
                    masked |= last || Apply(items[i], path[1..]);
                }

                break;
        }

        return masked;
    }

    private static Func<string, bool> Matcher(string segment) =>
        name => segment == "*" || segment.Equals(name, StringComparison.OrdinalIgnoreCase);

    private static string? ValueOf(IReadOnlyList<HeaderLine> lines, string name) =>
        lines.FirstOrDefault(line => line.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;
}
