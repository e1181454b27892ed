using System.Globalization;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard;

/// <summary>
/// Formats times and numbers, short enough for a table. All times are UTC, so that all operators see the same time.
/// </summary>
internal static class Format
{
    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;

    public static string Iso(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", Culture);

    public static string Full(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff", Culture) + " UTC";

    public static string Clock(DateTimeOffset time, DateTimeOffset now) =>
        time.UtcDateTime.ToString(time.UtcDateTime.Date == now.UtcDateTime.Date ? "HH:mm:ss" : "d MMM HH:mm", Culture);

    /// <summary>A duration, with a precision that depends on its length.</summary>
    public static string Span(TimeSpan span)
    {
        if (span < TimeSpan.Zero) span = TimeSpan.Zero;
        return span.TotalMilliseconds switch
        {
            < 1 when span == TimeSpan.Zero => "0 ms",
            < 1 => "<1 ms",
            < 1000 => string.Create(Culture, $"{span.TotalMilliseconds:0} ms"),
            < 10_000 => string.Create(Culture, $"{span.TotalSeconds:0.00} s"),
            < 60_000 => string.Create(Culture, $"{span.TotalSeconds:0.0} s"),
            < 3_600_000 => string.Create(Culture, $"{(int)span.TotalMinutes} m {span.Seconds:00} s"),
            < 86_400_000 => string.Create(Culture, $"{(int)span.TotalHours} h {span.Minutes:00} m"),
            _ => string.Create(Culture, $"{(int)span.TotalDays} d {span.Hours:00} h"),
        };
    }

    /// <summary>A configured duration, in the largest unit that gives a whole number.</summary>
    public static string Setting(TimeSpan span)
    {
        (double Value, string Unit)[] units = [(span.TotalDays, "d"), (span.TotalHours, "h"),
            (span.TotalMinutes, "min"), (span.TotalSeconds, "s")];
        foreach (var (value, unit) in units)
        {
            if (value >= 1 && value == Math.Floor(value)) return string.Create(Culture, $"{value:0} {unit}");
        }

        return Span(span);
    }

    /// <summary>An age or a remaining time, in its largest unit only.</summary>
    public static string Coarse(TimeSpan span) => span.Duration().TotalSeconds switch
    {
        < 60 => string.Create(Culture, $"{(int)span.Duration().TotalSeconds} s"),
        < 3600 => string.Create(Culture, $"{(int)span.Duration().TotalMinutes} min"),
        < 86_400 => string.Create(Culture, $"{(int)span.Duration().TotalHours} h"),
        _ => string.Create(Culture, $"{(int)span.Duration().TotalDays} d"),
    };

    public static string Relative(DateTimeOffset time, DateTimeOffset now) =>
        time > now ? $"in {Coarse(time - now)}" : $"{Coarse(now - time)} ago";

    /// <summary>A number with its noun in the singular or plural; the default plural adds an <c>s</c>.</summary>
    public static string Count(long count, string one, string? many = null) => $"{Count(count)} {(count == 1 ? one : many ?? one + "s")}";

    public static string Count(long count) => count.ToString("N0", Culture);

    public static string Number(double value, string format = "0.##") => value.ToString(format, Culture);

    public static string Percent(long part, long whole) => whole == 0 ? "–" : string.Create(Culture, $"{100.0 * part / whole:0.##} %");

    public static string Bytes(long bytes) => bytes switch
    {
        < 1024 => string.Create(Culture, $"{bytes} B"),
        < 1024 * 1024 => string.Create(Culture, $"{bytes / 1024.0:0.#} KiB"),
        _ => string.Create(Culture, $"{bytes / 1048576.0:0.#} MiB"),
    };

    /// <summary>The beginning of a run id, by which the search finds the run: its start to the millisecond, and a random part.</summary>
    public static string Short(RunId run) => run.ToString()[..18];

    /// <summary>The state as shown. A paused run is waiting in the store, but does not become due.</summary>
    public static string StateOf(Admin.RunRow run) => run.Paused && !run.State.HasEnded() ? "paused" : run.State.Name();
}
