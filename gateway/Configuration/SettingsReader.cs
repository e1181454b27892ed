using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace DurableGateway.Configuration;

/// <summary>
/// Reads one section key by key and collects all errors. The framework's binder would stop at the first error and ignore misspelled keys.
/// </summary>
internal sealed class SettingsReader(IConfigurationSection section, List<ConfigurationError> errors)
{
    private readonly HashSet<string> _known = new(StringComparer.OrdinalIgnoreCase);

    public SettingsReader Section(string key)
    {
        RefuseValue(key);
        return new SettingsReader(section.GetSection(key), errors);
    }

    public IEnumerable<IConfigurationSection> Children(string key)
    {
        RefuseValue(key);
        return section.GetSection(key).GetChildren();
    }

    public string? Text(string key)
    {
        _known.Add(key);
        if (section.GetSection(key).GetChildren().Any())
            return Report<string?>(key, null,
                "is a list or a section, but must be one value; write a list of values as one string with commas", null);
        var value = section[key];
        return string.IsNullOrWhiteSpace(value) ? null : value.Trim();
    }

    [return: NotNullIfNotNull(nameof(fallback))]
    public string? Text(string key, string? fallback, Predicate<string> valid, string remedy) =>
        Text(key) is not { } value ? fallback : valid(value) ? value : Report(key, value, remedy, fallback);

    /// <summary>Reads several values: items of a section, or one string with commas; <see langword="null"/> if the key is absent.</summary>
    /// <returns>The values, each with its own key.</returns>
    public IReadOnlyList<(string Key, string Value)>? List(string key)
    {
        _known.Add(key);
        var text = section[key];
        var items = section.GetSection(key).GetChildren().Select(child => ($"{key}:{child.Key}", child.Value?.Trim() ?? "")).ToArray();
        return items.Length > 0 ? items
            : text is null ? null
            : [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(item => (key, item))];
    }

    public TimeSpan Duration(string key, TimeSpan fallback, TimeSpan min, TimeSpan max) =>
        Parse(key, fallback, TimeSpans.TryParse, value => value >= min && value <= max,
            $"is not a span of time between {Span(min)} and {Span(max)}, written [d.]hh:mm:ss[.fff]{TimeSpans.Remedy(Text(key))}");

    public int Integer(string key, int fallback, int min, int max) =>
        Parse(key, fallback, (string text, out int value) =>
            int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value),
            value => value >= min && value <= max, $"is not a whole number between {min} and {max}");

    /// <summary>Reads a whole number that may be absent.</summary>
    public int? OptionalInteger(string key, int? fallback, int min, int max) => Text(key) is null ? fallback : Integer(key, min, min, max);

    public long Bytes(string key, long fallback, long min, long max) =>
        Parse(key, fallback, ByteSize.TryParse, value => value >= min && value <= max,
            $"is not a size between {ByteSize.Format(min)} and {ByteSize.Format(max)}: bytes, or a number with KiB or MiB");

    public bool Boolean(string key, bool fallback) => Parse(key, fallback, bool.TryParse, _ => true, "is neither true nor false");

    public T Choice<T>(string key, T fallback) where T : struct, Enum =>
        Parse(key, fallback, (string text, out T value) =>
            Enum.TryParse(text, ignoreCase: true, out value) && Enum.IsDefined(value) && char.IsAsciiLetter(text[0]),
            _ => true, $"is not one of {string.Join(", ", Enum.GetNames<T>())}");

    /// <summary>Reads an absolute http or https URL without a query, and removes a trailing slash.</summary>
    public string? Url(string key)
    {
        if (Text(key) is not { } value) return null;
        return Uri.TryCreate(value, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.Query.Length == 0
            ? value.TrimEnd('/')
            : Report<string?>(key, value, "is not an absolute http:// or https:// URL", null);
    }

    public T Report<T>(string key, string? value, string remedy, T fallback)
    {
        errors.Add(new ConfigurationError($"{section.Path}:{key}", value, remedy));
        return fallback;
    }

    /// <summary>Reports every key that was not read. Call this last.</summary>
    public void RefuseUnknownKeys()
    {
        foreach (var child in section.GetChildren())
        {
            // The value is not in the message, because a misspelled key may contain a secret.
            if (!_known.Contains(child.Key)) errors.Add(new ConfigurationError(child.Path, null, Spelling.NoSuchKey(child.Key, _known)));
        }
    }

    private void RefuseValue(string key)
    {
        _known.Add(key);
        if (!string.IsNullOrEmpty(section[key]))
            errors.Add(new ConfigurationError($"{section.Path}:{key}", null, $"is one value, but must be a section or a list: "
                + $"in JSON {{ … }} or [ … ], elsewhere {section.Path}:{key}:<name>, or :0, :1, …"));
    }

    private static string Span(TimeSpan value) => value.Ticks % TimeSpan.TicksPerSecond == 0 ? $"{value:c}" : $"{value:c}".TrimEnd('0');

    private delegate bool Parser<T>(string text, out T value);

    private T Parse<T>(string key, T fallback, Parser<T> parse, Predicate<T> valid, string remedy) =>
        Text(key) is not { } text ? fallback
        : parse(text, out var value) && valid(value) ? value
        : Report(key, text, remedy, fallback);
}
