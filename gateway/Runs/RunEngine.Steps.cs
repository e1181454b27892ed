using DurableGateway.Diagnostics;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>The reports of services about steps.</summary>
internal sealed partial class RunEngine
{
    private const int MaxMismatchChars = 2000;

    /// <summary>Records that stored steps no longer fit the handler.</summary>
    /// <param name="attempt">The attempt that found it.</param>
    /// <param name="what">The steps, as a List (RFC 9651) with one item for each.</param>
    public Task NoteMismatchAsync(Attempt attempt, string what) =>
        NoteMismatchAsync(attempt.Run, attempt.Key.Number, what, StructuredFields.CountMembers(what));

    public Task NoteMismatchAsync(RunId run, int attempt, string what, int count = 1)
    {
        log.Mismatch(run, attempt, OneLine(what));
        return NoteAsync(run, attempt, what, count);
    }

    /// <summary>Records that the service makes another call than in the attempt before.</summary>
    /// <param name="attempt">The attempt that makes the call.</param>
    /// <param name="what">The call, and what differs, without values.</param>
    /// <param name="drift">The values that differ. They are sealed.</param>
    public Task NoteDriftAsync(Attempt attempt, string what, CallDrift drift)
    {
        log.CallDrifted(attempt.Run, attempt.Key.Number, OneLine(what));
        return NoteAsync(attempt.Run, attempt.Key.Number, OneLine(what), count: 1, drift);
    }

    /// <summary>Records that a call of the service is not remembered.</summary>
    public Task NoteNotRememberedAsync(Attempt attempt, string step, string reason)
    {
        var what = OneLine($"{step}: {reason}");
        log.CallNotRemembered(attempt.Run, attempt.Key.Number, what);
        return NoteAsync(attempt.Run, attempt.Key.Number, "not remembered: " + what, count: 0);
    }

    /// <summary>Records that the response of a call is remembered, although it may be incomplete.</summary>
    public Task NoteUncertainAsync(Attempt attempt, string step, string reason)
    {
        var what = OneLine($"{step}: {reason}");
        log.CallUncertain(attempt.Run, attempt.Key.Number, what);
        return NoteAsync(attempt.Run, attempt.Key.Number, "remembered: " + what, count: 0);
    }

    private async Task NoteAsync(RunId run, int attempt, string what, int count, CallDrift? drift = null)
    {
        try
        {
            await store.NoteMismatchAsync(
                run, attempt, count, what.Length > MaxMismatchChars ? what[..MaxMismatchChars] : what, drift);
        }
        catch (StoreUnavailableException e)
        {
            // The log has the mismatch. The end of the attempt is more important.
            log.NotRecorded(run, attempt, e.Message);
        }
    }

    /// <summary>Escapes control characters in step names, so that they cannot inject log lines or terminal sequences.</summary>
    private static string OneLine(string text) => text.Any(char.IsControl)
        ? string.Concat(text.Select(letter => char.IsControl(letter) ? Uri.HexEscape(letter) : $"{letter}"))
        : text;

    /// <summary>Stores a step's result or its final failure.</summary>
    /// <param name="run">The run.</param>
    /// <param name="attempt">The attempt that reports it.</param>
    /// <param name="policy">The policy of the run.</param>
    /// <param name="outcome">The outcome.</param>
    /// <param name="why">What the service said; empty if the step did not fail.</param>
    /// <param name="live">The attempt, if it is on this node. If its run is not stored yet, the same call stores it.</param>
    public async Task<StepAnswer> CompleteStepAsync(
        RunId run, Fence attempt, RunPolicy policy, StepOutcome outcome, FailureText why = default, Attempt? live = null)
    {
        // The outcome has the body.
        FailureText reason = why.Reason ?? "";
        var answer = await ReportAsync(run, attempt, live, new StepReport.Ended(outcome, policy.MaxSteps, null, reason));
        if (outcome.Failed && answer.Verdict == StepVerdict.Created)
            log.StepFailed(OneLine(outcome.Id), run, attempt.Attempt, reason.Reason);
        return answer;
    }

    /// <summary>
    /// Begins a step that is executed at most once. If another execution of its handler began it, the step has failed permanently.
    /// </summary>
    public Task<StepAnswer> StartStepAsync(
        RunId run, Fence attempt, RunPolicy policy, string step, string execution, Attempt? live = null)
    {
        var now = time.GetUtcNow();
        return ReportAsync(run, attempt, live, new StepReport.Begun(new StepOutcome
        {
            Id = step,
            Failed = true,
            ContentType = Problem.ContentType,
            Body = Problems.StepInterrupted(run, step).ToJson(),
            Attempt = attempt.Attempt,
            StartedAt = now,
            EndedAt = now,
        }, policy.MaxSteps, execution));
    }

    /// <summary>Begins a sleep, or ends it when it is over.</summary>
    public Task<StepAnswer> SleepAsync(RunId run, Fence attempt, RunPolicy policy, StepOutcome awake, DateTimeOffset until) =>
        store.WaitAsync(run, attempt, awake with { EndedAt = until > awake.EndedAt ? until : awake.EndedAt },
            policy.MaxSteps, until, time.GetUtcNow());

    /// <summary>Counts a failed try of a step. Schedules the next try, or stores the failure if no tries are left.</summary>
    public async Task<StepAnswer> FailStepAsync(
        RunId run, Fence attempt, RunPolicy policy, StepOutcome failure, TimeSpan? retryAfter, FailureText why, Attempt? live = null)
    {
        var (tries, reason) = (0, why.Reason ?? "");
        var full = why with { Took = failure.EndedAt - failure.StartedAt };
        while (true)
        {
            var delay = RetrySchedule.Delay(policy, tries + 1, retryAfter, Random.Shared.NextDouble());
            var answer = await ReportAsync(run, attempt, live, tries + 1 >= policy.MaxAttempts
                ? new StepReport.Ended(failure, policy.MaxSteps, tries, reason)
                : new StepReport.TryFailed(failure.Id, policy.MaxSteps, tries, time.GetUtcNow() + delay, full));
            if (answer.Verdict == StepVerdict.Recount)
            {
                tries = answer.Tries;
                continue;
            }

            if (answer.Verdict == StepVerdict.Scheduled)
                log.StepTryFailed(tries + 1, OneLine(failure.Id), run, attempt.Attempt, reason, answer.Due);
            else if (answer.Verdict == StepVerdict.Created)
                log.StepFailed(OneLine(failure.Id), run, attempt.Attempt, reason);
            return answer;
        }
    }

    /// <summary>Makes a report on a step. If the run is only in memory, the same call of the store stores it.</summary>
    private async Task<StepAnswer> ReportAsync(RunId run, Fence attempt, Attempt? live, StepReport report)
    {
        if (live is { IsStored: false })
        {
            var write = new FirstWrite.WithStep(report);
            try
            {
                await StoreAsync(live, write);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The client disconnected before its request was complete, so there is no run.
                return new StepAnswer(StepVerdict.Unknown);
            }

            // Another trigger may have stored the run, without the report.
            if (write.Answer is { } answer) return answer;
        }

        return await report.ToAsync(store, run, attempt);
    }
}
