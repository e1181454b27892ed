using System.Globalization;
using DurableGateway.Http;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Admin;

/// <summary>Maps stored records to the views for operators.</summary>
internal static class RunViewMapper
{
    public static RunRow Row(RunRecord run)
    {
        var status = run.State.HasEnded() && run.State != RunState.Cancelled ? Known(run.Note.Status) : null;
        return new RunRow(
            run.Id, run.Route, run.Method, run.Path, run.State, run.Paused, run.Attempt, run.StartedAt, run.EndedAt, run.NextAttemptAt,
            run.CompletedSteps, run.FailedSteps, run.PendingSteps, status,
            run.State is RunState.Completed or RunState.Cancelled || string.IsNullOrEmpty(run.Note.Reason) ? null : run.Note.ToString(),
            run.Mismatches, run.HasIdempotencyKey);
    }

    /// <summary>How the history names the action by which a run continues from a step.</summary>
    private const string FromStep = "run-from-step ";

    /// <summary>The attempts in the history, oldest first.</summary>
    public static IReadOnlyList<AttemptView> Attempts(IReadOnlyList<HistoryEntry> history, RunRecord run)
    {
        var attempts = new List<AttemptView>();
        foreach (var entry in history)
        {
            var open = attempts.Count > 0 && attempts[^1].EndedAt is null ? attempts[^1] : null;
            switch (entry.Kind)
            {
                case HistoryKind.AttemptBegan:
                    if (open is not null) attempts[^1] = open with { EndedAt = entry.Time, Outcome = "lost" };
                    attempts.Add(new AttemptView(entry.Attempt, entry.Time, null, entry.Text.Split('/')[0], null, "running", null));
                    break;
                case HistoryKind.StepTryFailed or HistoryKind.StepFailed when open is not null && entry.Reason is not null:
                    attempts[^1] = open with { Reason = $"step {entry.Text}: {entry.Reason}" };
                    break;
                case HistoryKind.Suspended when open is not null:
                    attempts[^1] = open with { EndedAt = entry.Time, Outcome = "suspended", Destination = entry.Destination };
                    break;
                case HistoryKind.AttemptFailed when open is not null:
                    attempts[^1] = Closed(open, entry, "failed", entry.Text);
                    break;
                case HistoryKind.Ended when open is not null:
                    var words = entry.Text.Split(' ', 2);
                    attempts[^1] = Closed(open, entry, words[0], words.Length > 1 ? words[1] : "");
                    break;
                case HistoryKind.Cancelled when open is not null:
                    attempts[^1] = open with { EndedAt = entry.Time, Outcome = "lost", Reason = "cancelled by " + entry.Text };
                    break;
            }
        }

        if (run.State != RunState.Running && attempts is [.., { EndedAt: null } last]) attempts[^1] = last with { Outcome = "lost" };
        return attempts;
    }

    /// <summary>The steps, by their start time.</summary>
    public static IEnumerable<StepView> Steps(IReadOnlyList<StepRecord> steps, IReadOnlyList<HistoryEntry> history)
    {
        var noted = history.ToLookup(entry => entry.Text, StringComparer.Ordinal);
        var operations = history.Where(entry => entry.Kind == HistoryKind.Operator).ToArray();
        return steps.Select(step =>
        {
            var entries = SinceDropped([.. noted[step.Id]
                .Where(entry => entry.Kind is HistoryKind.StepCompleted or HistoryKind.StepFailed or HistoryKind.StepTryFailed
                    or HistoryKind.StepBegan or HistoryKind.StepSleeps or HistoryKind.StepWaits or HistoryKind.StepDelivered)],
                operations, hasOutcome: step.Outcome is not null);
            DateTimeOffset? first = entries.Length > 0 ? entries[0].Time - (entries[0].Failure?.Took ?? default) : null;
            var edit = EditOf(step.Id, operations, after: entries.Length > 0 ? entries[^1].Number : 0);
            var reason = entries.LastOrDefault(entry => entry.Reason is not null)?.Reason;
            var failed = entries.Count(entry => entry.Kind == HistoryKind.StepTryFailed);
            var tries = entries.Where(entry => entry.Kind == HistoryKind.StepTryFailed)
                .Select(entry => new StepTry(entry.Time, entry.Attempt, entry.Until, entry.Failure ?? default)).ToArray();
            if (step.Outcome is { } outcome)
            {
                if (StepOutcome.IsCall(outcome) && RememberedCall.Parse(outcome.Body) is { } call)
                    return Call(outcome, call, failed) with { FailedTries = tries, Edit = edit };
                return new StepView(step.Id, outcome.Type, outcome.Failed ? "failed" : "completed", failed + 1, outcome.Attempt,
                    first < outcome.StartedAt ? first : outcome.StartedAt, outcome.EndedAt, null, outcome.ContentType, outcome.Body,
                    outcome.Failed ? reason : null)
                {
                    FailedTries = tries,
                    LastTryAt = outcome.StartedAt,
                    Edit = edit,
                };
            }

            var (type, state) = Pending(step);
            var count = step.Kind == 'P' && int.TryParse(step.Value.AsSpan(1).ToString().Split(':')[0], NumberStyles.None,
                CultureInfo.InvariantCulture, out var counted)
                ? counted
                : 1;
            return new StepView(step.Id, type, state, count, 0, first, null, step.Due, null, default, reason) { FailedTries = tries };
        }).OrderBy(step => step.StartedAt ?? DateTimeOffset.MaxValue);
    }

    /// <summary>
    /// The entries since an operator last made the run continue from this step or an earlier one, which dropped it.
    /// </summary>
    private static HistoryEntry[] SinceDropped(HistoryEntry[] entries, HistoryEntry[] operations, bool hasOutcome)
    {
        // A step that has kept its outcome was not dropped by what came after the outcome.
        var last = hasOutcome ? entries.Length > 0 ? entries[^1].Number : 0 : long.MaxValue;
        var drop = operations.LastOrDefault(entry => entry.Number < last && entry.Text.StartsWith(FromStep, StringComparison.Ordinal));
        return drop is null ? entries : [.. entries.Where(entry => entry.Number > drop.Number)];
    }

    /// <summary>Who has edited the outcome of a step last, and when.</summary>
    private static (DateTimeOffset At, string Who)? EditOf(string step, HistoryEntry[] operations, long after)
    {
        var begin = $"edit-step {step} by ";
        var last = operations.LastOrDefault(entry => entry.Number > after && entry.Text.StartsWith(begin, StringComparison.Ordinal));
        return last is null ? null : (last.Time, last.Text[begin.Length..]);
    }

    /// <summary>
    /// A call that the service made, with the response that it got. An encoded body is not shown, because it cannot be masked.
    /// </summary>
    private static StepView Call(StepOutcome outcome, RememberedCall call, int failed)
    {
        string? Header(string name) => call.Response.Headers
            .Where(line => line.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(line => line.Value).FirstOrDefault();
        var isEncoded = Header("Content-Encoding") is { Length: > 0 } and not "identity";
        return new StepView(outcome.Id, outcome.Type, "completed", failed + 1, outcome.Attempt, outcome.StartedAt, outcome.EndedAt, null,
            Header("Content-Type"), isEncoded ? default : call.Response.Body)
        {
            Status = call.Response.Status,
            Destination = call.Destination,
        };
    }

    private static (string Type, string State) Pending(StepRecord step) => step.Kind switch
    {
        'P' => ("run", "retrying"),
        'W' => ("sleep", "sleeping"),
        'E' => (step.Value.Length > 1 && step.Value[1] == 'c'
            ? "callback"
            : step.Value.Length > 1 && step.Value[1] == 'i'
            ? "invoke"
            : "wait", "waiting"),
        _ => ("run", "begun"),
    };

    private static AttemptView Closed(AttemptView open, HistoryEntry entry, string outcome, string reason) => open with
    {
        EndedAt = entry.Time,
        Outcome = outcome,
        Status = Known(entry.Status),
        Destination = entry.Destination,
        Reason = outcome == "completed" ? null : entry.Reason is { } said ? $"{reason}: {said}" : reason,
        Failure = entry.Failure ?? default,
    };

    private static int? Known(int status) => status > 0 ? status : null;
}
