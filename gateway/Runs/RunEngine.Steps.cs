using DurableGateway.Diagnostics;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>What services say of their steps.</summary>
internal sealed partial class RunEngine
{
    private const int MaxMismatchChars = 2000;

    /// <summary>Writes down that stored steps do not fit the handler any more.</summary>
    /// <param name="attempt">The attempt that found it.</param>
    /// <param name="what">The steps: a List (RFC 9651), an item each.</param>
    public Task NoteMismatchAsync(Attempt attempt, string what) =>
        NoteMismatchAsync(attempt.Run, attempt.Key.Number, what, StructuredFields.CountMembers(what));

    public async Task NoteMismatchAsync(RunId run, int attempt, string what, int count = 1)
    {
        log.Mismatch(run, attempt, OneLine(what));
        try
        {
            await store.NoteMismatchAsync(run, attempt, count, what.Length > MaxMismatchChars ? what[..MaxMismatchChars] : what);
        }
        catch (StoreUnavailableException e)
        {
            // The log has it; what the attempt came to is more important.
            log.NotRecorded(run, attempt, e.Message);
        }
    }

    /// <summary>What a service calls its steps is no line of the log by itself, and does not steer a terminal that shows it.</summary>
    private static string OneLine(string text) => text.Any(char.IsControl)
        ? string.Concat(text.Select(letter => char.IsControl(letter) ? Uri.HexEscape(letter) : $"{letter}"))
        : text;

    /// <summary>Stores a step's result or its final failure.</summary>
    /// <param name="run">The run.</param>
    /// <param name="attempt">The attempt that says so.</param>
    /// <param name="policy">The policy of the run.</param>
    /// <param name="outcome">The outcome.</param>
    /// <param name="reason">Why it failed, in one line; empty where it did not.</param>
    public async Task<StepAnswer> CompleteStepAsync(RunId run, Fence attempt, RunPolicy policy, StepOutcome outcome, string reason = "")
    {
        var answer = await store.StoreOutcomeAsync(run, attempt, outcome, policy.MaxSteps, why: reason);
        if (outcome.Failed && answer.Verdict == StepVerdict.Created) log.StepFailed(OneLine(outcome.Id), run, attempt.Attempt, reason);
        return answer;
    }

    /// <summary>
    /// A step begins that may be executed once at most; one that another execution of its handler began has failed for good.
    /// </summary>
    public Task<StepAnswer> StartStepAsync(RunId run, Fence attempt, RunPolicy policy, string step, string execution)
    {
        var now = time.GetUtcNow();
        return store.StartStepAsync(run, attempt, policy.MaxSteps, new StepOutcome
        {
            Id = step,
            Failed = true,
            ContentType = Problem.ContentType,
            Body = Problems.StepInterrupted(run, step).ToJson(),
            Attempt = attempt.Attempt,
            StartedAt = now,
            EndedAt = now,
        }, execution);
    }

    /// <summary>Begins a sleep, or ends it when its time has come.</summary>
    public Task<StepAnswer> SleepAsync(RunId run, Fence attempt, RunPolicy policy, StepOutcome awake, DateTimeOffset until) =>
        store.WaitAsync(run, attempt, awake with { EndedAt = until > awake.EndedAt ? until : awake.EndedAt },
            policy.MaxSteps, until, time.GetUtcNow());

    /// <summary>Counts a failed try of a step: schedules the next, or makes the failure part of the run when they are used up.</summary>
    public async Task<StepAnswer> FailStepAsync(
        RunId run, Fence attempt, RunPolicy policy, StepOutcome failure, TimeSpan? retryAfter, string reason)
    {
        var tries = 0;
        while (true)
        {
            var delay = RetrySchedule.Delay(policy, tries + 1, retryAfter, Random.Shared.NextDouble());
            var answer = tries + 1 >= policy.MaxAttempts
                ? await store.StoreOutcomeAsync(run, attempt, failure, policy.MaxSteps, tries, reason)
                : await store.ScheduleStepAsync(run, attempt, failure.Id, policy.MaxSteps, tries, time.GetUtcNow() + delay, reason);
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
}
