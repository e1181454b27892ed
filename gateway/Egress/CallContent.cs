using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using DurableGateway.Configuration;

namespace DurableGateway.Egress;

/// <summary>What counts in a call's target and body.</summary>
internal static class CallContent
{
    private const string Any = "*";
    private const string Mask = "***";

    /// <summary>
    /// Removes query parameters that do not count, and masks the values of those that operators must not see. What remains is as the
    /// service wrote it.
    /// </summary>
    /// <param name="target">The target of the call.</param>
    /// <param name="ignored">The names of parameters that do not count.</param>
    /// <param name="masked">The names of parameters whose values are masked, in any case; <c>*</c> for all.</param>
    /// <returns>The target that is shown, and the masked parameters with their values.</returns>
    public static (string Target, string Secret) Readable(string target, ImmutableArray<string> ignored, ImmutableArray<string> masked)
    {
        var start = target.IndexOf('?', StringComparison.Ordinal);
        if (start < 0 || (ignored.IsEmpty && masked.IsEmpty)) return (target, "");
        var kept = Fields(target[(start + 1)..]).Where(field => !ignored.Contains(NameOf(field), StringComparer.Ordinal)).ToArray();
        var secrets = new List<string>();
        for (var i = 0; i < kept.Length; i++)
        {
            if (!IsMasked(kept[i])) continue;
            secrets.Add(kept[i]);
            kept[i] = $"{kept[i].Split('=')[0]}={Mask}";
        }

        return (kept.Length == 0 ? target[..start] : $"{target[..start]}?{string.Join('&', kept)}", string.Join('&', secrets));

        bool IsMasked(string field) => field.Contains('=', StringComparison.Ordinal)
            && masked.Any(name => name == Any || name.Equals(NameOf(field), StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>The body without what does not count. A body that cannot be read as its type says counts as a whole.</summary>
    public static ReadOnlyMemory<byte> Significant(string? contentType, ReadOnlyMemory<byte> body, StepRules rules)
    {
        if (!rules.IgnoredForm.IsEmpty && IsForm(contentType))
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

    public static bool IsForm(string? contentType) => Is(contentType, "application/x-www-form-urlencoded");

    private static bool Is(string? contentType, string type) => contentType?.StartsWith(type, StringComparison.OrdinalIgnoreCase) is true;
}
