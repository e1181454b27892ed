using System.Globalization;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// The beginning of a run's id, for searches. It has at least eight hexadecimal digits, because ids begin with the start time and a shorter
/// prefix would match too many runs.
/// </summary>
internal sealed record RunIdPrefix
{
    private const int MinDigits = 8;
    private const int TimeDigits = 12;

    private RunIdPrefix(string text, DateTimeOffset earliest, DateTimeOffset latest) => (Text, Earliest, Latest) = (text, earliest, latest);

    /// <summary>The prefix in lower case.</summary>
    public string Text { get; }

    /// <summary>The earliest time at which an id with this prefix can be created.</summary>
    public DateTimeOffset Earliest { get; }

    /// <summary>The latest time at which an id with this prefix can be created.</summary>
    public DateTimeOffset Latest { get; }

    /// <returns><see langword="null"/> for any other text, including a complete id.</returns>
    public static RunIdPrefix? Parse(string? text)
    {
        if (text is null || text.Length >= Guid.Empty.ToString().Length) return null;
        var digits = text.Replace("-", "", StringComparison.Ordinal);
        if (digits.Length < MinDigits || !digits.All(char.IsAsciiHexDigit)) return null;
        var time = digits[..Math.Min(digits.Length, TimeDigits)];
        return TryTime(time.PadRight(TimeDigits, '0')) is { } earliest && TryTime(time.PadRight(TimeDigits, 'f')) is { } latest
            ? new RunIdPrefix(text.ToLowerInvariant(), earliest, latest)
            : null;
    }

    public bool Begins(RunId run) => run.ToString().StartsWith(Text, StringComparison.Ordinal);

    private static DateTimeOffset? TryTime(string digits) =>
        long.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) is var milliseconds
        && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
            : null;
}
