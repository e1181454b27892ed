using System.Globalization;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Something that operators are to be told: an entry of a due-queue until they have been.</summary>
internal readonly record struct Notice(NoticeKind Kind, DateTimeOffset At, RunId Run)
{
    /// <summary>What the entry in a due-queue begins with.</summary>
    public const string Prefix = "n:";

    /// <summary>The same for every delivery of it, so that who gets it twice can tell.</summary>
    public string Id =>
        string.Create(CultureInfo.InvariantCulture, $"{Run}-{Kind.ToString().ToLowerInvariant()}-{At.ToUnixTimeMilliseconds()}");

    public static bool TryParse(string entry, out Notice notice)
    {
        notice = default;
        if (entry.Split(':') is not ["n", [var kind], var at, var run] || !Enum.IsDefined((NoticeKind)kind)
            || !long.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out var ms)
            || ms > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            || !RunId.TryParse(run, out var id)) return false;
        notice = new Notice((NoticeKind)kind, DateTimeOffset.FromUnixTimeMilliseconds(ms), id);
        return true;
    }
}
