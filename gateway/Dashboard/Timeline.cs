using DurableGateway.Admin;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard;

/// <summary>The data of the waterfall: attempts and steps of a run over time, computed from its history.</summary>
internal sealed class Timeline
{
    private readonly RunDetail _run;
    private readonly DateTimeOffset _now;

    /// <param name="run">The run.</param>
    /// <param name="now">The end of attempts and steps that have not ended.</param>
    /// <param name="zoom">The attempt to fit the timeline to; 0 for the whole run.</param>
    /// <param name="fit">The range of steps to fit the timeline to, or <see langword="null"/>.</param>
    public Timeline(RunDetail run, DateTimeOffset now, int zoom, (int First, int Count)? fit = null)
    {
        (_run, _now) = (run, now);
        Attempts = [.. run.Attempts.Select((attempt, i) => new AttemptLane(attempt, [.. Segments(i)]))];
        var end = run.Run.EndedAt ?? now;
        (From, To) = (run.Run.StartedAt, end);
        if (run.Attempts.FirstOrDefault(attempt => attempt.Number == zoom) is { } close)
        {
            Zoom = zoom;
            (From, To) = (close.StartedAt, close.EndedAt ?? end);
        }

        if (fit is { } window
            && run.Steps.Skip(window.First).Take(window.Count).Where(step => step.StartedAt is not null).ToList() is { Count: > 0 } shown)
        {
            IsFitted = true;
            (From, To) = (shown.Min(step => step.StartedAt!.Value), shown.Max(EndOf));
        }

        if (To <= From) To = From.AddMilliseconds(1);
    }

    public DateTimeOffset From { get; }

    public DateTimeOffset To { get; }

    public int Zoom { get; }

    /// <summary>Whether the timeline is fitted to a range of steps.</summary>
    public bool IsFitted { get; }

    public IReadOnlyList<AttemptLane> Attempts { get; }

    /// <summary>A range of the steps. A run may have thousands.</summary>
    public IEnumerable<StepLane> Steps(int first, int count)
    {
        for (var i = first; i < Math.Min(first + count, _run.Steps.Count); i++)
        {
            var step = _run.Steps[i];
            var isParallel = i > 0 && step.StartedAt is { } start && _run.Steps[i - 1] is { StartedAt: { } before } other
                && before <= start && start < EndOf(other);
            yield return new StepLane(step, i, [.. Segments(step)], [.. step.FailedTries.Select(one => one.Time)], isParallel);
        }
    }

    /// <summary>The position of a time in percent; <see langword="null"/> if it is outside the timeline.</summary>
    public double? At(DateTimeOffset time) => time < From || time > To ? null : Share(time);

    /// <summary>The visible part of a segment in percent, with a minimum width.</summary>
    public (double Left, double Width)? Place(Segment segment)
    {
        const double Thinnest = 0.4;
        if (segment.To < From || segment.From > To) return null;
        var left = Math.Min(Share(segment.From < From ? From : segment.From), 100 - Thinnest);
        var right = Share(segment.To > To ? To : segment.To);
        return (left, Math.Max(right - left, Thinnest));
    }

    private double Share(DateTimeOffset time) => 100 * ((time - From) / (To - From));

    /// <summary>The time between the ends of the run and the actions of operators that made it continue.</summary>
    public TimeSpan Idle
    {
        get
        {
            var idle = TimeSpan.Zero;
            for (var i = 0; i < _run.Attempts.Count; i++) idle += (IdleBefore(i)?.To - IdleBefore(i)?.From) ?? TimeSpan.Zero;
            return idle;
        }
    }

    /// <summary>
    /// Before an attempt, the run is waiting and then queued. Time for which the history shows no waiting counts as queued, and time in
    /// which the run had ended as nothing. After the last attempt, it waits for the next one.
    /// </summary>
    private IEnumerable<Segment> Segments(int index)
    {
        var attempt = _run.Attempts[index];
        var before = index == 0 ? _run.Run.StartedAt : _run.Attempts[index - 1].EndedAt ?? attempt.StartedAt;
        if (IdleBefore(index) is { } idle) before = idle.To;
        var due = index == 0 ? before : Due(_run.Attempts[index - 1].Number, before, attempt.StartedAt);
        if (due > attempt.StartedAt) due = attempt.StartedAt;
        if (due > before) yield return new Segment(Phase.Waiting, before, due);
        if (attempt.StartedAt > due) yield return new Segment(Phase.Queued, due, attempt.StartedAt);
        yield return new Segment(Phase.Executing, attempt.StartedAt, attempt.EndedAt ?? _run.Run.EndedAt ?? _now);
        if (index < _run.Attempts.Count - 1 || _run.Run.State != RunState.Waiting || attempt.EndedAt is not { } end) yield break;

        // A paused run is never due.
        if (After(end).Any(IsRestart)) end = After(end).Last(IsRestart).Time;
        var next = _run.Run.Paused || _run.Run.NextAttemptAt is not { } at || at > _now ? _now : at;
        if (next > end) yield return new Segment(Phase.Waiting, end, next);
        if (_now > next) yield return new Segment(Phase.Queued, next > end ? next : end, _now);
    }

    /// <summary>When the run was due after an attempt: when its delay ended, or when an operator made it due.</summary>
    private DateTimeOffset Due(int number, DateTimeOffset before, DateTimeOffset start)
    {
        if (After(before).LastOrDefault(entry => entry.Time <= start && (IsRestart(entry) || IsRelease(entry))) is { } action)
            return action.Time;
        var parked = _run.History.LastOrDefault(entry =>
            entry.Attempt == number && entry.Kind is HistoryKind.Suspended or HistoryKind.AttemptFailed);
        return parked?.Until is { } until && until > before ? until : before;
    }

    /// <summary>The time before an attempt in which the run had ended, until an operator made it continue.</summary>
    private (DateTimeOffset From, DateTimeOffset To)? IdleBefore(int index)
    {
        if (index == 0 || _run.Attempts[index - 1].EndedAt is not { } end) return null;
        var start = _run.Attempts[index].StartedAt;
        var ended = After(end).FirstOrDefault(entry =>
            entry.Time <= start && entry.Kind is HistoryKind.Ended or HistoryKind.Cancelled && entry.Time <= start);
        return ended is not null && After(ended.Time).LastOrDefault(entry => entry.Time <= start && IsRestart(entry)) is { } restart
            ? (end, restart.Time)
            : null;
    }

    private IEnumerable<HistoryEntry> After(DateTimeOffset time) => _run.History.Where(entry => entry.Time >= time);

    private static bool IsRestart(HistoryEntry entry) => Is(entry, "run-from-step ") || Is(entry, "edit-step ");

    private static bool IsRelease(HistoryEntry entry) => Is(entry, "retry ") || Is(entry, "resume ");

    private static bool Is(HistoryEntry entry, string action) =>
        entry.Kind == HistoryKind.Operator && entry.Text.StartsWith(action, StringComparison.Ordinal);

    private DateTimeOffset EndOf(StepView step) => step.EndedAt ?? _run.Run.EndedAt ?? _now;

    private IEnumerable<Segment> Segments(StepView step)
    {
        if (step.StartedAt is not { } from) yield break;
        var end = EndOf(step);
        if (step.Type != "run")
        {
            yield return new Segment(Phase.Waiting, from, end);
            yield break;
        }

        foreach (var failed in step.FailedTries)
        {
            // The service says how long a try took. Without that, it may have begun with its attempt.
            if (failed.Failure.Took > TimeSpan.Zero && failed.Time - failed.Failure.Took > from) from = failed.Time - failed.Failure.Took;
            if (failed.Time >= from) yield return new Segment(Phase.Executing, from, failed.Time);
            var again = _run.Attempts.FirstOrDefault(attempt =>
                attempt.StartedAt >= failed.Time && attempt.Number > failed.Attempt)?.StartedAt ?? end;
            var due = failed.Next is { } until && until < again ? until : again;
            if (due > failed.Time) yield return new Segment(Phase.Waiting, failed.Time, due);
            if (again > due) yield return new Segment(Phase.Queued, due, again);
            from = again;
        }

        if (step.FailedTries.Count > 0 && step.LastTryAt > from) from = step.LastTryAt.Value;
        if (end > from || from == step.StartedAt) yield return new Segment(Phase.Executing, from, end);
    }
}
