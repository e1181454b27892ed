using DurableGateway.Admin;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard;

/// <summary>The waterfall: attempts and steps of a run, laid out over time from what its history says.</summary>
internal sealed class Timeline
{
    private readonly RunDetail _run;
    private readonly DateTimeOffset _now;
    private readonly ILookup<string, HistoryEntry> _tries;

    /// <param name="run">All of it.</param>
    /// <param name="now">The end of what is still going on.</param>
    /// <param name="zoom">The attempt that is looked at closely; 0 for the whole run.</param>
    /// <param name="fit">The steps that are looked at closely, where they are.</param>
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

    /// <summary>Whether it shows the time of some steps only.</summary>
    public bool IsFitted { get; }

    public IReadOnlyList<AttemptLane> Attempts { get; }

    /// <summary>Some of the steps: a run may have thousands.</summary>
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

    /// <summary>Where a time lies in the picture, in percent; <see langword="null"/> where it lies outside.</summary>
    public double? At(DateTimeOffset time) => time < From || time > To ? null : Share(time);

    /// <summary>The visible part of a segment, in percent; never too thin to be seen.</summary>
    public (double Left, double Width)? Place(Segment segment)
    {
        const double Thinnest = 0.4;
        if (segment.To < From || segment.From > To) return null;
        var left = Math.Min(Share(segment.From < From ? From : segment.From), 100 - Thinnest);
        var right = Share(segment.To > To ? To : segment.To);
        return (left, Math.Max(right - left, Thinnest));
    }

    private double Share(DateTimeOffset time) => 100 * ((time - From) / (To - From));

    /// <summary>Before an attempt the run was parked, then due; what is not known to be parked was due.</summary>
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
