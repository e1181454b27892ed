using DurableGateway.Admin;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard;

/// <summary>The data of the waterfall: attempts and steps of a run over time, computed from its history.</summary>
internal sealed class Timeline
{
    private readonly RunDetail _run;
    private readonly DateTimeOffset _now;
    private readonly ILookup<string, HistoryEntry> _tries;

    /// <param name="run">The run.</param>
    /// <param name="now">The end of attempts and steps that have not ended.</param>
    /// <param name="zoom">The attempt to fit the timeline to; 0 for the whole run.</param>
    /// <param name="fit">The range of steps to fit the timeline to, or <see langword="null"/>.</param>
    public Timeline(RunDetail run, DateTimeOffset now, int zoom, (int First, int Count)? fit = null)
    {
        (_run, _now) = (run, now);
        _tries = run.History.Where(entry => entry.Kind == HistoryKind.StepTryFailed).ToLookup(entry => entry.Text);
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
            yield return new StepLane(step, i, [.. Segments(step)], [.. _tries[step.Id].Select(entry => entry.Time)], isParallel);
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

    /// <summary>
    /// Before an attempt, the run is waiting and then queued. Time for which the history shows no waiting counts as queued.
    /// </summary>
    private IEnumerable<Segment> Segments(int index)
    {
        var attempt = _run.Attempts[index];
        var before = index == 0 ? _run.Run.StartedAt : _run.Attempts[index - 1].EndedAt ?? attempt.StartedAt;
        var due = Due(index, before);
        if (due > attempt.StartedAt) due = attempt.StartedAt;
        if (due > before) yield return new Segment(Phase.Waiting, before, due);
        if (attempt.StartedAt > due) yield return new Segment(Phase.Queued, due, attempt.StartedAt);
        yield return new Segment(Phase.Executing, attempt.StartedAt, attempt.EndedAt ?? _run.Run.EndedAt ?? _now);
    }

    private DateTimeOffset Due(int index, DateTimeOffset before)
    {
        if (index == 0) return before;
        var number = _run.Attempts[index - 1].Number;
        var parked = _run.History.LastOrDefault(entry =>
            entry.Attempt == number && entry.Kind is HistoryKind.Suspended or HistoryKind.AttemptFailed);
        return parked?.Until is { } until && until > before ? until : before;
    }

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

        foreach (var failed in _tries[step.Id])
        {
            if (failed.Time >= from) yield return new Segment(Phase.Executing, from, failed.Time);
            var again = _run.Attempts.FirstOrDefault(attempt =>
                attempt.StartedAt >= failed.Time && attempt.Number > failed.Attempt)?.StartedAt ?? end;
            var due = failed.Until is { } until && until < again ? until : again;
            if (due > failed.Time) yield return new Segment(Phase.Waiting, failed.Time, due);
            if (again > due) yield return new Segment(Phase.Queued, due, again);
            from = again;
        }

        if (end > from || from == step.StartedAt) yield return new Segment(Phase.Executing, from, end);
    }
}
