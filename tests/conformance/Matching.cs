using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace DurableGateway.Conformance;

/// <summary>Compares what happened with what a scenario expects.</summary>
internal static class Matching
{
    private static readonly TimeSpan RegexTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Returns the difference; <see langword="null"/> if there is none.</summary>
    /// <param name="expected">
    /// Objects have the members to compare (<see langword="null"/>: absent or null). Lists are complete. A string <c>/…/</c> is a regular
    /// expression. <c>{"any": […]}</c> matches one of its members.
    /// </param>
    /// <param name="actual">The actual value.</param>
    /// <param name="path">The position, for the message.</param>
    public static string? Differ(JsonNode? expected, JsonNode? actual, string path)
    {
        switch (expected)
        {
            case JsonObject { Count: 1 } choice when choice["any"] is JsonArray any:
                return any.Any(one => Differ(one, actual, path) is null) ? null : Said(path, expected, actual);
            case JsonObject members:
                if (actual is not JsonObject found) return Said(path, expected, actual);
                return members.Select(member => Differ(member.Value, found[member.Key], $"{path}.{member.Key}"))
                    .FirstOrDefault(difference => difference is not null);
            case JsonArray items:
                if (actual is not JsonArray list || list.Count != items.Count) return Said(path, expected, actual);
                return items.Select((item, i) => Differ(item, list[i], $"{path}[{i}]"))
                    .FirstOrDefault(difference => difference is not null);
            case JsonValue value when value.TryGetValue(out string? text) && text is ['/', .., '/']:
                return actual is JsonValue seen && Regex.IsMatch(seen.ToString(), text[1..^1], RegexOptions.Singleline, RegexTimeout)
                    ? null
                    : Said(path, expected, actual);
            default:
                return JsonNode.DeepEquals(expected, actual) ? null : Said(path, expected, actual);
        }
    }

    private static string Said(string path, JsonNode? expected, JsonNode? actual) =>
        $"{path}: expected {Short(expected)}, seen {Short(actual)}";

    private static string Short(JsonNode? node)
    {
        var text = node?.ToJsonString() ?? "nothing";
        return text.Length <= 700 ? text : text[..700] + "…";
    }
}
