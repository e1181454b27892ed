using System.Collections.Immutable;

namespace DurableGateway.Configuration;

/// <summary>Reads <c>Durable:Admin:Mask</c>: the values that are masked for operators.</summary>
internal static class MaskBinder
{
    public static (ImmutableArray<string> Headers, ImmutableArray<string> JsonPaths) Bind(SettingsReader admin)
    {
        var mask = admin.Section("Mask");
        var headers = HeaderNames(mask, "Headers");
        var paths = Read(mask, "JsonPaths", text => text.Split('.').All(segment => segment.Length > 0),
            "is not a path; write member names separated by dots, and * for any, for example items.*.card.number");
        mask.RefuseUnknownKeys();
        return (headers, paths);
    }

    public static ImmutableArray<string> HeaderNames(SettingsReader section, string key) => Read(
        section, key,
        text => text.All(letter => char.IsAsciiLetterOrDigit(letter) || "!#$%&'*+-.^_`|~".Contains(letter, StringComparison.Ordinal)),
        "is not a header name; write for example X-Api-Key");

    private static ImmutableArray<string> Read(SettingsReader mask, string key, Predicate<string> valid, string remedy)
    {
        var values = ImmutableArray.CreateBuilder<string>();
        foreach (var child in mask.Children(key))
        {
            if (child.Value?.Trim() is { Length: > 0 } text && valid(text)) values.Add(text);
            else mask.Report($"{key}:{child.Key}", child.Value, remedy, false);
        }

        return values.ToImmutable();
    }
}
