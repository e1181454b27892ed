using System.Collections.Immutable;
using System.Globalization;

namespace DurableGateway.Runs;

/// <summary>A set of status codes, written as one string of codes and ranges: <c>500, 502-504</c>.</summary>
internal sealed record StatusRanges(string Text)
{
    private readonly ImmutableArray<(int Low, int High)> _ranges =
        TryParse(Text) ?? throw new FormatException($"'{Text}' is not a list of status codes and ranges.");

    public static StatusRanges Default { get; } = new("500, 502-504");

    public bool Contains(int status)
    {
        foreach (var (low, high) in _ranges)
        {
            if (status >= low && status <= high) return true;
        }

        return false;
    }

    public static bool IsValid(string text) => TryParse(text) is not null;

    // Compares the text, from which the ranges are parsed.
    public bool Equals(StatusRanges? other) => other?.Text == Text;

    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Text;

    private static ImmutableArray<(int Low, int High)>? TryParse(string? text)
    {
        if (text is null) return null;
        var ranges = ImmutableArray.CreateBuilder<(int, int)>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = part.Split('-', StringSplitOptions.TrimEntries);
            if (ends.Length > 2 || !Status(ends[0], out var low) || !Status(ends[^1], out var high) || low > high) return null;
            ranges.Add((low, high));
        }

        return ranges.ToImmutable();

        static bool Status(string text, out int status) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out status) && status is >= 400 and <= 599;
    }
}
