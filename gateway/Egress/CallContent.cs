using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using DurableGateway.Configuration;

namespace DurableGateway.Egress;

/// <summary>What counts in a call's target and body, and what differs between two bodies.</summary>
internal static class CallContent
{
    private const string Any = "*";
    private const int MaxDifferences = 8;

    /// <summary>Removes query parameters. What remains is as the service wrote it.</summary>
    public static string WithoutQuery(string target, ImmutableArray<string> ignored)
    {
        var start = target.IndexOf('?', StringComparison.Ordinal);
        if (start < 0 || ignored.IsEmpty) return target;
        var kept = Fields(target[(start + 1)..]).Where(field => !ignored.Contains(NameOf(field), StringComparer.Ordinal)).ToArray();
        return kept.Length == 0 ? target[..start] : $"{target[..start]}?{string.Join('&', kept)}";
    }

    /// <summary>The body without what does not count. A body that cannot be read as its type says counts as a whole.</summary>
    public static ReadOnlyMemory<byte> Significant(string? contentType, ReadOnlyMemory<byte> body, StepRules rules)
    {
        if (!rules.IgnoredForm.IsEmpty && Is(contentType, "application/x-www-form-urlencoded"))
        {
            var kept = Fields(Encoding.Latin1.GetString(body.Span))
                .Where(field => !rules.IgnoredForm.Contains(NameOf(field), StringComparer.Ordinal));
            return Encoding.Latin1.GetBytes(string.Join('&', kept));
        }

        if (rules.IgnoredJson.IsEmpty || !IsJson(contentType)) return body;
        try
        {
            var root = JsonNode.Parse(body.Span);
            foreach (var path in rules.IgnoredJson) Remove(root, path);
            return root is null ? body : Encoding.UTF8.GetBytes(root.ToJsonString());
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return body;
        }
    }

    /// <summary>Names the JSON paths whose values differ, without the values, which may be secret.</summary>
    /// <returns><c>its body</c> if it is not JSON.</returns>
    public static string Differences(ReadOnlyMemory<byte> one, ReadOnlyMemory<byte> other)
    {
        try
        {
            var paths = new List<string>();
            Compare("$", JsonNode.Parse(one.Span), JsonNode.Parse(other.Span), paths);
            if (paths.Count > 0)
                return string.Join(", ", paths.Take(MaxDifferences)) + (paths.Count > MaxDifferences ? " and others" : "");
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            // Not JSON.
        }

        return "its body";
    }

    private static void Compare(string path, JsonNode? one, JsonNode? other, List<string> paths)
    {
        switch (one, other)
        {
            case (JsonObject members, JsonObject others):
                foreach (var name in members.Select(member => member.Key).Union(others.Select(member => member.Key)))
                {
                    if (!members.ContainsKey(name) || !others.ContainsKey(name)) paths.Add($"{path}.{name}");
                    else Compare($"{path}.{name}", members[name], others[name], paths);
                }

                break;
            case (JsonArray items, JsonArray others) when items.Count == others.Count:
                for (var i = 0; i < items.Count; i++) Compare($"{path}[{i}]", items[i], others[i], paths);
                break;
            default:
                if (!JsonNode.DeepEquals(one, other)) paths.Add(path);
                break;
        }
    }

    private static void Remove(JsonNode? node, ReadOnlySpan<string> path)
    {
        var isLast = path.Length == 1;
        switch (node)
        {
            case JsonObject members:
                foreach (var name in path[0] == Any ? members.Select(member => member.Key).ToArray() : [path[0]])
                {
                    if (isLast) members.Remove(name);
                    else Remove(members[name], path[1..]);
                }

                break;
            case JsonArray items when path[0] == Any:
                if (isLast) items.Clear();
                else foreach (var item in items) Remove(item, path[1..]);
                break;
        }
    }

    private static string[] Fields(string text) => text.Split('&');

    private static string NameOf(string field) => Uri.UnescapeDataString(field.Split('=')[0].Replace('+', ' '));

    private static bool IsJson(string? contentType) => contentType?.Contains("json", StringComparison.OrdinalIgnoreCase) is true;

    private static bool Is(string? contentType, string type) => contentType?.StartsWith(type, StringComparison.OrdinalIgnoreCase) is true;
}
