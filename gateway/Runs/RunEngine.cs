using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Telemetry;

namespace DurableGateway.Runs;

/// <summary>What became of a run when one of its attempts ended.</summary>
internal enum Fate
{
    /// <summary>It waits for its next attempt.</summary>
    Parked,

    /// <summary>It has ended, and its result is stored.</summary>
    Ended,

    /// <summary>Another attempt owns it, or it was cancelled.</summary>
    Lost,

    /// <summary>There is no run: the request never arrived whole.</summary>
    None,
}

internal readonly record struct AttemptEnd(Fate Fate, DateTimeOffset Due = default);

/// <summary>A failure of an attempt: what is said of it, and what becomes the result if it was the last.</summary>
/// <param name="Reason">What went wrong, in a few words.</param>
/// <param name="Status">The status of the service's response; 0 where that is not what went wrong.</param>
/// <param name="Result">Makes the result.</param>
/// <param name="RetryAfter">The delay that the service named.</param>
/// <param name="Final">Whether there is no further attempt.</param>
/// <param name="Unreachable">Whether there was no connection to the service at all.</param>
internal sealed record AttemptFailure(
    string Reason, int Status, Func<StoredResponse> Result, TimeSpan? RetryAfter = null, bool Final = false, bool Unreachable = false);

/// <summary>The transitions of a run, between the attempt in hand and the store.</summary>
internal sealed class RunEngine(IRunStore store, IRunSignals signals, EngineSettings settings, TimeProvider time, ILogger<RunEngine> log)
{
    private const int MaxMismatchChars = 2000;

    /// <summary>A run whose key is missing here waits this long for a node that has it.</summary>
    private static readonly TimeSpan KeyRetry = TimeSpan.FromSeconds(30);

    /// <summary>Who holds leases here: the name of this machine, for people, and what tells its processes apart.</summary>
    public string Owner { get; } = $"{Environment.MachineName}/{Guid.NewGuid():N}";

    /// <summary>An attempt of this node has ended its run.</summary>
    public event Action<Attempt, RunState>? EndedHere;

    public TimeSpan LeaseTime => settings.Lease;

    /// <summary>Stores a live run with its attempt in flight.</summary>
    public Task<bool> EnsureStoredAsync(Attempt attempt) =>
        attempt.IsStored ? Task.FromResult(true) : attempt.EnsureStoredAsync(run => CreateAsync(attempt, run));

    /// <summary>Stores a run whose first attempt is not to begin before a time.</summary>
    /// <returns><see langword="false"/> where there is no whole request that could be stored.</returns>
    public async Task<bool> StoreForLaterAsync(Attempt attempt, DateTimeOffset due)
    {
        if (!await attempt.EnsureStoredAsync(run => store.CreateDueAsync(run, Owner, due))) return false;
        attempt.IsSettled = true;
        log.Queued(attempt.Run, due);
        RunTelemetry.Queued(attempt);
        signals.Parked(attempt.Run, due);
        return true;
    }

    /// <summary>Extends the lease of an attempt, or interrupts it where the lease is gone.</summary>
    public async Task RenewAsync(Attempt attempt)
    {
        var lease = NewLease(out var until);
        if (await store.RenewAsync(attempt.Key, lease)) attempt.LeaseEnd = until;
        else attempt.Interrupt(AttemptInterrupt.Lost);
    }

    /// <summary>Whether this node surely still holds the run, by its own clock. Where the run may be stored, it holds it until the lease ends that was asked for.</summary>
    public bool HoldsLease(Attempt attempt) => time.GetTimestamp() < (attempt.IsStored ? attempt.LeaseEnd : attempt.UnconfirmedLeaseEnd);

    /// <summary>Begins the next attempt of a due run, or ends a run whose record cannot be read.</summary>
    public async Task<(ClaimedRun Run, Attempt Attempt)?> ClaimAsync(RunId id)
    {
        var lease = NewLease(out var until);
        var nonce = Fence.NewNonce();
        ClaimedRun? run;
        try
        {
            run = await store.ClaimAsync(id, Owner, time.GetUtcNow(), lease, nonce);
        }
        catch (UnreadableRecordException e)
        {
            await GiveUpAsync(new AttemptKey(id, e.Attempt, Owner, nonce), e);
            return null;
        }

        if (run is null) return null;
        RunTelemetry.Claimed(run, time.GetUtcNow());
        var left = run.Deadline - time.GetUtcNow();
        var attempt = new Attempt(new AttemptKey(id, run.Attempt, Owner, nonce), run.Policy, run.Route, run.StartedAt, time.GetTimestamp())
        {
            Steps = run.Steps,
            StepCount = run.StepCount,
            InlinesSteps = run.InlinesSteps,
            Failures = run.Failures,
            UnreachableSince = run.UnreachableSince,
            Build = run.Build,
            LastEventId = run.LastEventId,
            LeaseEnd = until,
            Timeout = left < run.Policy.AttemptTimeout ? left : run.Policy.AttemptTimeout,
            Request = (run.Request?.Method ?? "", run.Request?.RawTarget ?? ""),
        };
        if (run.Request is not null) attempt.StartClock(time);
        return (run, attempt);
    }

    /// <summary>Ends the run of an attempt whose request cannot be read.</summary>
    public async Task GiveUpAsync(Attempt attempt, UnreadableRecordException e)
    {
        await GiveUpAsync(attempt.Key, new UnreadableRecordException(e.Message, e)
        {
            Attempt = attempt.Key.Number,
            KeyIsMissing = e.KeyIsMissing,
            Policy = attempt.Policy,
            Deadline = attempt.Deadline,
        });
        attempt.IsSettled = true;
    }

    /// <summary>Stores a run whose write was sent and not answered, so that it can be ended. Nothing of it happens twice.</summary>
    public Task<bool> RepeatStoreAsync(Attempt attempt) => attempt.RepeatStoreAsync(run => CreateAsync(attempt, run));

    /// <summary>Ends the run of a stored attempt with its result.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="state">The final state.</param>
    /// <param name="result">What its client gets.</param>
    /// <param name="isFinalAnswer">Whether the service itself said that this is final (<c>Durable-Retry: ?0</c>).</param>
    /// <param name="reason">Why, where the result is not the service's.</param>
    public async Task<AttemptEnd> EndAsync(Attempt attempt, RunState state, StoredResponse result, bool isFinalAnswer = false, string? reason = null)
    {
        var why = reason is null ? $"status {result.Status}" : $"status {result.Status}, {reason}";
        var answer = await store.EndAsync(attempt.Key, state, result, attempt.Policy, note: attempt.Note(why, result.Status),
            releaseKey: state == RunState.Failed && !isFinalAnswer && ReleasesKey(attempt.Policy));
        return Ended(attempt, answer, state, result, why);
    }

    /// <summary>A run that never needed the store is over.</summary>
    public void EndUnstored(Attempt attempt, RunState state, int status)
    {
        attempt.IsSettled = true;
        if (state == RunState.Failed) log.RunFailed(attempt.Run, status, attempt.Key.Number, $"status {status}", attempt.Describe());
        RunTelemetry.Ended(attempt, state, status, time.GetUtcNow());
    }

    /// <summary>Parks the run after a failed attempt, or ends it where that was the last one. Stores it first where need be.</summary>
    public async Task<AttemptEnd> FailAsync(Attempt attempt, AttemptFailure failure)
    {
        if (attempt.Interrupted == AttemptInterrupt.Lost) return new AttemptEnd(Fate.Lost);
        if (attempt.StoreFailed) return await HandBackAsync(attempt, RetrySchedule.Delay(attempt.Policy, 1, failure.RetryAfter, Random.Shared.NextDouble()));
        var failures = attempt.Failures;
        while (true)
        {
            var now = time.GetUtcNow();
            var away = failure.Unreachable ? attempt.UnreachableSince ?? now : (DateTimeOffset?)null;
            var spared = RetrySchedule.IsSpared(attempt.Policy, away, now);
            var due = now + (spared
                ? RetrySchedule.DelayWhileUnreachable(attempt.Policy, now - away!.Value, Random.Shared.NextDouble())
                : RetrySchedule.Delay(attempt.Policy, failures + 1, failure.RetryAfter, Random.Shared.NextDouble()));
            var isLast = failure.Final || (!spared && failures + 1 >= attempt.Policy.MaxAttempts);
            if (due > attempt.Deadline) due = attempt.Deadline;
            if (!attempt.IsStored && !isLast && now < attempt.Deadline)
            {
                var stored = await attempt.EnsureStoredAsync(run => store.CreateWaitingAsync(run, Owner, due, attempt.Note(failure), counts: !spared, away));
                if (!stored) return new AttemptEnd(Fate.None);

                // Another trigger may have stored it as running at the same moment: then it is parked below.
                if (attempt.LeaseEnd == 0) return Failed(due);
            }

            if (!attempt.IsStored && !await EnsureStoredAsync(attempt)) return new AttemptEnd(Fate.None);
            if (isLast || now >= attempt.Deadline)
            {
                var result = now >= attempt.Deadline && !failure.Final
                    ? Problems.RunTimeout(attempt.Run, attempt.Policy.RunTimeout).ToResponse()
                    : failure.Result();
                var end = await store.EndAsync(attempt.Key, RunState.Failed, result, attempt.Policy, failure.Final || now >= attempt.Deadline ? null : failures,
                    attempt.Note(failure), ReleasesKey(attempt.Policy));
                if (end.Verdict != ParkVerdict.Recount) return Ended(attempt, end, RunState.Failed, result, failure.Reason);
                failures = end.Failures;
                continue;
            }

            var park = await store.FailAsync(attempt.Key, spared ? null : failures, due, attempt.Note(failure), away);
            if (park.Verdict == ParkVerdict.Done) return Failed(park.Due);
            if (park.Verdict != ParkVerdict.Recount) return Lost(attempt);
            failures = park.Failures;
        }

        AttemptEnd Failed(DateTimeOffset due)
        {
            RunTelemetry.Failed(attempt, failure);
            return Parked(attempt, failure.Reason, due);
        }
    }

    /// <summary>Parks a run until its pending steps; with none pending, that is a failed attempt.</summary>
    public async Task<AttemptEnd> SuspendAsync(Attempt attempt)
    {
        if (attempt.IsStored)
        {
            var answer = await store.SuspendAsync(attempt.Key);
            if (answer.Verdict == ParkVerdict.Lost) return Lost(attempt);
            if (answer.Verdict == ParkVerdict.Done)
            {
                attempt.IsSettled = true;
                log.Suspended(attempt.Run, attempt.Key.Number, answer.Due);
                RunTelemetry.Suspended(attempt);
                signals.Parked(attempt.Run, answer.Due);
                return new AttemptEnd(Fate.Parked, answer.Due);
            }
        }

        return await FailAsync(attempt, new AttemptFailure("suspended with nothing pending", 0, () => Problems.NothingPending(attempt.Run).ToResponse()));
    }

    /// <summary>Gives a run back that could not go on through no fault of the service: that does not count as a failure of it.</summary>
    public async Task<AttemptEnd> HandBackAsync(Attempt attempt, TimeSpan delay = default)
    {
        if (!await EnsureStoredAsync(attempt)) return new AttemptEnd(Fate.None);
        var answer = await store.FailAsync(attempt.Key, expectedFailures: null, time.GetUtcNow() + delay, attempt.Note("handed back"));
        if (answer.Verdict != ParkVerdict.Done) return Lost(attempt);
        signals.HandedBack(attempt.Run, answer.Due);
        RunTelemetry.HandedBack(attempt);
        return Parked(attempt, "handed back", answer.Due);
    }

    /// <summary>
    /// Sends a run again at once, and from now on without outcomes in the headers of its attempts: the service refused the ones that the gateway
    /// had put there. That is no failure of the service.
    /// </summary>
    public async Task<AttemptEnd> StopInliningAsync(Attempt attempt, int status)
    {
        // Two writes: after the first alone, the lease runs out, and the next attempt goes without as well.
        if (!await store.StopInliningAsync(attempt.Key)) return Lost(attempt);
        var reason = $"status {status} for headers with {DurableHeaders.Steps}; sent again without";
        var answer = await store.FailAsync(attempt.Key, expectedFailures: null, time.GetUtcNow(), attempt.Note(reason, status));
        if (answer.Verdict != ParkVerdict.Done) return Lost(attempt);
        RunTelemetry.HandedBack(attempt);
        return Parked(attempt, reason, answer.Due);
    }

    /// <summary>Cancels a run, whoever drives it: <see langword="true"/> where it is cancelled now, <see langword="false"/> where it had ended otherwise.</summary>
    /// <returns><see langword="null"/> where the run is unknown.</returns>
    /// <param name="run">The run.</param>
    /// <param name="policy">Its policy.</param>
    /// <param name="who">For its history: who cancels it.</param>
    public async Task<bool?> CancelAsync(RunId run, RunPolicy policy, string who)
    {
        var origin = await store.GetOriginAsync(run);
        var cancelled = await store.CancelAsync(run, policy.Retention, who);
        if (cancelled is true)
        {
            RunTelemetry.Cancelled(run, origin, time.GetUtcNow());
            signals.Ended(run);
            signals.Parked(run, time.GetUtcNow());
        }

        return cancelled is false ? (await store.GetSnapshotAsync(run))?.State == RunState.Cancelled : cancelled;
    }

    /// <summary>Writes down that stored steps do not fit the handler any more.</summary>
    /// <param name="attempt">The attempt that found it.</param>
    /// <param name="what">The steps: a List (RFC 9651), an item each.</param>
    public Task NoteMismatchAsync(Attempt attempt, string what) => NoteMismatchAsync(attempt.Run, attempt.Key.Number, what, StructuredFields.CountMembers(what));

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
    private static string OneLine(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(letter => char.IsControl(letter) ? Uri.HexEscape(letter) : $"{letter}")) : text;

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

    /// <summary>A step begins that may be executed once at most; one that another execution of its handler began has failed for good.</summary>
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
        store.WaitAsync(run, attempt, awake with { EndedAt = until > awake.EndedAt ? until : awake.EndedAt }, policy.MaxSteps, until, time.GetUtcNow());

    /// <summary>Counts a failed try of a step: schedules the next, or makes the failure part of the run when they are used up.</summary>
    public async Task<StepAnswer> FailStepAsync(RunId run, Fence attempt, RunPolicy policy, StepOutcome failure, TimeSpan? retryAfter, string reason)
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

            if (answer.Verdict == StepVerdict.Scheduled) log.StepTryFailed(tries + 1, OneLine(failure.Id), run, attempt.Attempt, reason, answer.Due);
            else if (answer.Verdict == StepVerdict.Created) log.StepFailed(OneLine(failure.Id), run, attempt.Attempt, reason);
            return answer;
        }
    }

    /// <summary>A run that failed without a word of the service that is final does not stand in the way of the same request for all of its retention.</summary>
    private static bool ReleasesKey(RunPolicy policy) => !policy.IdempotencyKeepsFailures;

    private DateTimeOffset NewLease(out long until)
    {
        // Taken before the call: the lease that the store gives can only be longer than what is reckoned with here.
        until = time.GetTimestamp() + (long)(settings.Lease.TotalSeconds * time.TimestampFrequency);
        return time.GetUtcNow() + settings.Lease;
    }

    private async Task CreateAsync(Attempt attempt, NewRun run)
    {
        var lease = NewLease(out var until);
        bool isOwn;
        try
        {
            isOwn = await store.CreateRunningAsync(run, Owner, lease);
        }
        catch (StoreUnavailableException e) when (e.MayHaveHappened && attempt.UnconfirmedLeaseEnd == 0)
        {
            // Of the first one: those after it may never arrive.
            attempt.UnconfirmedLeaseEnd = until;
            throw;
        }

        if (isOwn)
        {
            attempt.LeaseEnd = until;
        }
        else
        {
            // Stored, but another attempt has it by now: a lease that is over.
            attempt.LeaseEnd = time.GetTimestamp();
            attempt.Interrupt(AttemptInterrupt.Lost);
        }

        log.Stored(run.Id);
    }

    /// <summary>
    /// Ends a claimed run that cannot be read. Where only the key is missing, it waits for a node that has it, until its deadline: from then
    /// on no node would send it any more.
    /// </summary>
    private async Task GiveUpAsync(AttemptKey key, UnreadableRecordException e)
    {
        if (e.KeyIsMissing)
        {
            log.KeyMissing(key.Run, e.Message);
            if (e.Policy is not { } policy || time.GetUtcNow() < e.Deadline)
            {
                await store.FailAsync(key, expectedFailures: null, time.GetUtcNow() + KeyRetry, new("its key is missing"));
                return;
            }

            await store.EndAsync(key, RunState.Failed, Problems.RunTimeout(key.Run, policy.RunTimeout).ToResponse(), policy, note: new("its key is missing"));
            RunTelemetry.Unreadable();
            signals.Ended(key.Run);
            return;
        }

        log.Unreadable(key.Run, e.Message);
        try
        {
            await store.EndAsync(key, RunState.Failed, Problems.RecordUnreadable(key.Run).ToResponse(), new RunPolicy(), releaseKey: true);
            RunTelemetry.Unreadable();
            signals.Ended(key.Run);
        }
        catch (UnreadableRecordException)
        {
            await store.SetAsideAsync(key.Run);
        }
    }

    private AttemptEnd Parked(Attempt attempt, string reason, DateTimeOffset due)
    {
        attempt.IsSettled = true;
        log.AttemptFailed(attempt.Run, attempt.Key.Number, reason, attempt.Describe(), due);
        signals.Parked(attempt.Run, due);
        return new AttemptEnd(Fate.Parked, due);
    }

    private AttemptEnd Ended(Attempt attempt, ParkAnswer answer, RunState state, StoredResponse result, string reason)
    {
        if (answer.Verdict != ParkVerdict.Done) return Lost(attempt);
        attempt.IsSettled = true;
        if (state == RunState.Failed) log.RunFailed(attempt.Run, result.Status, attempt.Key.Number, reason, attempt.Describe());
        else log.Ended(attempt.Run, state.Name(), result.Status, attempt.Key.Number);
        EndedHere?.Invoke(attempt, state);
        RunTelemetry.Ended(attempt, state, result.Status, time.GetUtcNow());
        signals.Ended(attempt.Run);
        if (answer.Due != default) signals.Parked(attempt.Run, answer.Due);
        return new AttemptEnd(Fate.Ended);
    }

    private AttemptEnd Lost(Attempt attempt)
    {
        attempt.IsSettled = true;
        log.AttemptLost(attempt.Run, attempt.Key.Number);
        RunTelemetry.Lost(attempt);
        return new AttemptEnd(Fate.Lost);
    }
}

/// <summary>What the engine needs of the configuration.</summary>
internal sealed record EngineSettings(TimeSpan Lease);
