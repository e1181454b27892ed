using System.Globalization;

namespace DurableGateway.Configuration;

/// <summary>Reads and writes sizes as operators write them: <c>4096</c>, <c>512 KiB</c>, <c>4 MiB</c>.</summary>
internal static class ByteSize
{
    private const long KiB = 1024;
    private const long MiB = KiB * KiB;

    public static bool TryParse(string text, out long bytes)
    {
        var unit = text.EndsWith("KiB", StringComparison.OrdinalIgnoreCase) ? KiB
            : text.EndsWith("MiB", StringComparison.OrdinalIgnoreCase) ? MiB
            : 1;
        var number = unit == 1 ? text : text[..^3];
        var valid = long.TryParse(number.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out bytes)
            && bytes <= long.MaxValue / unit;
        bytes *= unit;
        return valid;
    }

    /// <summary>Formats a size for people, rounded down to whole MiB or KiB. The text may not have the exact value.</summary>
    public static string FormatApproximately(long bytes) => bytes >= MiB ? $"{bytes / MiB} MiB" : $"{bytes / KiB} KiB";

    public static string Format(long bytes) =>
        bytes >= MiB && bytes % MiB == 0 ? $"{bytes / MiB} MiB" : bytes >= KiB && bytes % KiB == 0 ? $"{bytes / KiB} KiB" : $"{bytes}";
}
