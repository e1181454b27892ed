using System.Globalization;
using System.Text.Json.Nodes;

namespace DurableGateway.Conformance;

/// <summary>Writes out what scenarios say in short.</summary>
internal static class Expansion
{
    /// <summary>How many branches share the steps of a run with many steps.</summary>
    private const int Branches = 50;

    /// <summary>
    /// <c>{"each": n, "of": x}</c> becomes a list of <c>n</c> times <c>x</c>, with the index in place of <c>{n}</c>. The texts
    /// <c>{steps}</c>, <c>{share}</c> and <c>{branches}</c> become numbers.
    /// </summary>
    public static JsonNode? Of(JsonNode? node, int steps)
    {
        switch (node)
        {
            case JsonObject { Count: 2 } list when list["each"] is { } each && list["of"] is { } of:
                var text = of.ToJsonString();
                var count = Of(each, steps)!.GetValue<int>();
                return new JsonArray([.. Enumerable.Range(0, count).Select(i => Of(Numbered(text, i), steps))]);
            case JsonObject members:
                return new JsonObject(members.Select(member => KeyValuePair.Create(member.Key, Of(member.Value, steps))));
            case JsonArray items:
                return new JsonArray([.. items.Select(item => Of(item, steps))]);
            case JsonValue value when value.TryGetValue(out string? word):
                return word switch
                {
                    "{steps}" => steps,
                    "{share}" => steps / Branches,
                    "{branches}" => Branches,
                    _ => word,
                };
            default:
                return node?.DeepClone();
        }
    }

    public static bool CanShare(int steps) => steps > 0 && steps % Branches == 0;

    private static JsonNode? Numbered(string text, int index) =>
        JsonNode.Parse(text.Replace("{n}", index.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
}
