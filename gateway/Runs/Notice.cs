using System.Globalization;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>A notice to operators. It is an outbox entry until it is delivered.</summary>
internal readonly record struct Notice(NoticeKind Kind, DateTimeOffset At, RunId Run)
{
    /// <summary>The prefix of its outbox entry.</summary>
    public const string Prefix = "n:";

    /// <summary>The id. It is the same for every delivery, so that receivers can recognize duplicates.</summary>
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
