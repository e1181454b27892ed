using System.Globalization;

namespace DurableGateway.Runs;

/// <summary>An entry of a run's history.</summary>
/// <param name="Number">Its number in the history. Numbers only increase. Deleted entries leave a gap at the beginning.</param>
/// <param name="Time">When it happened.</param>
/// <param name="Kind">What happened.</param>
/// <param name="Attempt">The latest attempt at that time.</param>
/// <param name="Until">The time of the next try or of the end of a sleep, if the entry has one.</param>
/// <param name="Text">The step, the node, or the reason; see <c>history.lua</c>.</param>
internal sealed record HistoryEntry(long Number, DateTimeOffset Time, HistoryKind Kind, int Attempt, DateTimeOffset? Until, string Text)
{
    /// <summary>What the service said about the failure of a step or an attempt. Only operators get it, not clients.</summary>
    public FailureText? Failure { get; init; }

    /// <summary>The same in one line.</summary>
    public string? Reason => Failure is { Reason: { Length: > 0 } reason } ? reason : null;

    /// <summary>How a call of the service has drifted, if the entry is that. Only operators get it.</summary>
    public CallDrift? Drift { get; init; }

    /// <summary>The status of the service's response or of the run's result, if the entry is the end of an attempt; otherwise 0.</summary>
    public int Status { get; init; }

    /// <summary>The address of the service that the attempt reached, if the entry is the end of an attempt.</summary>
    public string? Destination { get; init; }

    /// <returns><see langword="null"/> if the text is not an entry.</returns>
    /// <param name="text">The stored entry.</param>
    /// <param name="open">Opens a sealed reason. Without it, entries have no reason.</param>
    public static HistoryEntry? Parse(string text, Func<string, FailureText?>? open = null)
    {
        var parts = text.Split(' ', 6);
        if (parts.Length < 6 || parts[2].Length != 1 || !Enum.IsDefined((HistoryKind)parts[2][0])) return null;
        var told = parts[4].Split(':', 2);
        return long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var time)
            && int.TryParse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture, out var attempt)
            && double.TryParse(told[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var until) && IsTime(time) && IsTime(until)
            ? new HistoryEntry(number, At(time), (HistoryKind)parts[2][0], attempt, until == 0 ? null : At(until), parts[5])
            {
                Failure = told.Length > 1 ? open?.Invoke(told[1]) : null,
            }.WithNote()
            : null;
    }

    private HistoryEntry WithNote() => Kind switch
    {
        HistoryKind.AttemptFailed or HistoryKind.Ended or HistoryKind.Suspended => WithAttemptNote(),

        // The number is how many steps do not fit, and no time.
        HistoryKind.Mismatch => this with { Until = null, Failure = null, Drift = Reason is null ? null : CallDrift.Parse(Reason) },
        _ => this,
    };

    /// <summary>Parses the text: a note for the end of an attempt; the final state and a note for the end of the run.</summary>
    private HistoryEntry WithAttemptNote()
    {
        var state = Kind == HistoryKind.Ended ? Text.Split(' ')[0] + " " : "";
        var note = AttemptNote.Parse(Text[Math.Min(state.Length, Text.Length)..]);
        return this with { Text = (state + note.Reason).TrimEnd(), Status = note.Status, Destination = note.Destination };
    }

    private static bool IsTime(double milliseconds) =>
        milliseconds >= 0 && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    private static DateTimeOffset At(double milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds((long)milliseconds);
}
