using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using DurableGateway.Configuration;
using DurableGateway.Http;
using DurableGateway.Runs;

namespace DurableGateway.Egress;

/// <summary>Finds the values that differ between the bodies of two calls, without what does not count.</summary>
internal sealed class BodyComparison
{
    private const int MaxNamed = 8;
    private const int MaxValueChars = 240;

    // The values are shown to operators as they are, and encoded for their page there.
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<ValueDifference> _found = [];
    private readonly string _kind;
    private int _more;

    private BodyComparison(string kind) => _kind = kind;

    /// <param name="old">The call of the earlier attempt.</param>
    /// <param name="call">The call of the replay.</param>
    /// <param name="contentType">The content type of the replay's body.</param>
    /// <param name="rules">The rules of the route.</param>
    public static BodyComparison Of(RememberedCall old, ServiceCall call, string? contentType, StepRules rules)
    {
        // The earlier body is kept up to this size.
        if (call.Body.Length > RememberedCall.MaxRequestBytes) return OfDigests(old.Digest, call.Digest);
        try
        {
            var one = CallContent.Significant(contentType, old.Request, rules);
            var other = CallContent.Significant(contentType, call.Body, rules);
            var found = CallContent.IsForm(contentType) && !one.IsEmpty ? OfForms(one, other) : OfJson(one, other);
            if (found is { _found.Count: > 0 }) return found;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The bodies come from outside. What cannot be described has drifted nevertheless.
        }

        return OfDigests(old.Digest, call.Digest);
    }

    /// <summary>What differs, by name. Without the values, which may be secret.</summary>
    public string Names => _kind == CallDrift.Digest
        ? "its body"
        : string.Join(", ", _found.Take(MaxNamed).Select(one => one.Name(_kind)))
            + (_found.Count + _more > MaxNamed ? " and others" : "");

    public CallDrift ToDrift(string reaction) => new(reaction, _kind, _found, _more);

    private static BodyComparison? OfJson(ReadOnlyMemory<byte> one, ReadOnlyMemory<byte> other)
    {
        try
        {
            var found = new BodyComparison(CallDrift.Json);
            found.Compare([], JsonNode.Parse(one.Span), JsonNode.Parse(other.Span));
            return found;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }

    private static BodyComparison OfForms(ReadOnlyMemory<byte> one, ReadOnlyMemory<byte> other)
    {
        var found = new BodyComparison(CallDrift.Form);
        var (fields, others) = (FieldsOf(one), FieldsOf(other));
        foreach (var path in fields.Keys.Union(others.Keys))
        {
            var (old, now) = (fields.GetValueOrDefault(path), others.GetValueOrDefault(path));
            if (old == now) continue;
            found.Add(path.Nth == 0 ? [path.Name] : [path.Name, string.Create(CultureInfo.InvariantCulture, $"[{path.Nth}]")],
                old is null ? null : JsonValue.Create(old), now is null ? null : JsonValue.Create(now), old is not null, now is not null);
        }

        return found;
    }

    private static BodyComparison OfDigests(string one, string other)
    {
        var found = new BodyComparison(CallDrift.Digest);
        found._found.Add(new ValueDifference([], Text(one), Text(other)));
        return found;

        static string Text(string digest) => JsonSerializer.Serialize(digest.Length == 0 ? "empty" : $"SHA-256 {digest}…", Readable);
    }

    private void Compare(string[] path, JsonNode? one, JsonNode? other)
    {
        switch (one, other)
        {
            case (JsonObject members, JsonObject others):
                foreach (var name in members.Select(member => member.Key).Union(others.Select(member => member.Key)))
                {
                    var (isOld, isNew) = (members.ContainsKey(name), others.ContainsKey(name));
                    if (!isOld || !isNew) Add([.. path, name], members[name], others[name], isOld, isNew);
                    else Compare([.. path, name], members[name], others[name]);
                }

                break;
            case (JsonArray items, JsonArray others) when items.Count == others.Count:
                for (var i = 0; i < items.Count; i++)
                    Compare([.. path, string.Create(CultureInfo.InvariantCulture, $"[{i}]")], items[i], others[i]);
                break;
            default:
                if (!JsonNode.DeepEquals(one, other)) Add(path, one, other, true, true);
                break;
        }
    }

    private void Add(string[] path, JsonNode? old, JsonNode? now, bool isOld, bool isNew)
    {
        if (_found.Count == CallDrift.MaxDifferences) _more++;
        else _found.Add(new ValueDifference(path, isOld ? Short(old) : null, isNew ? Short(now) : null));
    }

    /// <summary>The value as JSON; the beginning of a long text, and the digest of a large object, as a JSON string.</summary>
    private static string Short(JsonNode? value)
    {
        if (value is null) return "null";
        var text = value.ToJsonString(Readable);
        if (text.Length <= MaxValueChars) return text;
        if (value is JsonValue single && single.TryGetValue(out string? words))
        {
            // Escapes make the JSON longer than the text.
            if (words.Length <= MaxValueChars) return text;
            var length = char.IsHighSurrogate(words[MaxValueChars - 1]) ? MaxValueChars - 1 : MaxValueChars;
            return JsonSerializer.Serialize(words[..length] + "…", Readable);
        }

        var bytes = Encoding.UTF8.GetBytes(text);
        return JsonSerializer.Serialize(string.Create(CultureInfo.InvariantCulture,
            $"{bytes.Length} bytes, SHA-256 {Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}…"), Readable);
    }

    private static Dictionary<(string Name, int Nth), string> FieldsOf(ReadOnlyMemory<byte> body)
    {
        var fields = new Dictionary<(string Name, int Nth), string>();
        var counts = new Dictionary<string, int>();
        foreach (var field in Encoding.UTF8.GetString(body.Span).Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = field.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = equals < 0 ? (field, "") : (field[..equals], field[(equals + 1)..]);
            name = Decoded(name);
            var nth = counts.GetValueOrDefault(name);
            counts[name] = nth + 1;
            fields.Add((name, nth), Decoded(value));
        }

        return fields;
    }

    private static string Decoded(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
}
