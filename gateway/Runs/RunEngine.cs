using DurableGateway.Diagnostics;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>The transitions of a run, between the attempt in hand and the store.</summary>
internal sealed partial class RunEngine(
    IRunStore store, RunEvents events, EngineSettings settings, TimeProvider time, ILogger<RunEngine> log)
{
    /// <summary>A run whose key is missing here waits this long for a node that has it.</summary>
    private static readonly TimeSpan KeyRetry = TimeSpan.FromSeconds(30);

    /// <summary>The owner of the leases of this node: the machine's name, for people, and an id that tells its processes apart.</summary>
    public string Owner { get; } = $"{Environment.MachineName}/{Guid.NewGuid():N}";

    public TimeSpan LeaseTime => settings.Lease;

    /// <summary>Stores a run that begins without an attempt: its first one is due at a time.</summary>
    /// <exception cref="IdempotencyKeyTakenException">The request's key stands for another run.</exception>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task AcceptAsync(NewRun run, DateTimeOffset due)
    {
        // A client that is refused must be able to rely on it.
        await StoreRetry.ResolveAsync(() => store.CreateDueAsync(run, Owner, due), time);
        events.RunAccepted(run, due);
    }

    /// <summary>The live attempt of a run is about to be sent.</summary>
    public void Begin(Attempt attempt) => events.LiveAttemptBegan(attempt);

    /// <summary>Stores a live run with its attempt in flight.</summary>
    /// <returns><see langword="false"/> where the attempt is over, or there is no whole request that could be stored.</returns>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public Task<bool> EnsureStoredAsync(Attempt attempt) => StoreAsync(attempt, FirstWrite.Running.Instance);

    /// <summary>The same for the owner of the attempt, also after <see cref="Attempt.CloseAsync"/>.</summary>
    public Task<bool> RepeatStoreAsync(Attempt attempt) => StoreAsync(attempt, FirstWrite.Running.Instance, asOwner: true);

    /// <summary>Stores a run whose first attempt is not to begin before a time.</summary>
    /// <returns><see langword="false"/> where there is no whole request that could be stored.</returns>
    public async Task<bool> StoreForLaterAsync(Attempt attempt, DateTimeOffset due)
    {
        if (!await StoreAsync(attempt, new FirstWrite.Due(due))) return false;
        log.Queued(attempt.Run, due);
        events.RunQueued(attempt, due);
        return true;
    }

    /// <summary>Extends the lease of an attempt, or aborts the attempt where the lease is gone.</summary>
    public async Task RenewAsync(Attempt attempt)
    {
        var lease = NewLease(out var until);
        if (await store.RenewAsync(attempt.Key, lease)) attempt.Renew(until);
        else attempt.Lose();
    }

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
        events.RunClaimed(run);
        var left = run.Deadline - time.GetUtcNow();
        var attempt = new Attempt(new AttemptKey(id, run.Attempt, Owner, nonce), run.Policy, run.Route, run.StartedAt, until, time)
        {
            Steps = run.Steps,
            StepCount = run.StepCount,
            InlinesSteps = run.InlinesSteps,
            Failures = run.Failures,
            UnreachableSince = run.UnreachableSince,
            Build = run.Build,
            LastEventId = run.LastEventId,
            Timeout = left < run.Policy.AttemptTimeout ? left : run.Policy.AttemptTimeout,
            Request = (run.Request?.Method ?? "", run.Request?.RawTarget ?? ""),
        };
        if (run.Request is not null) attempt.StartClock();
        return (run, attempt);
    }

    /// <summary>Ends the run of an attempt whose request cannot be read.</summary>
    public async Task GiveUpAsync(Attempt attempt, UnreadableRecordException e) =>
        attempt.Settle(await GiveUpAsync(attempt.Key, new UnreadableRecordException(e.Message, e)
        {
            Attempt = attempt.Key.Number,
            KeyIsMissing = e.KeyIsMissing,
            Policy = attempt.Policy,
            Deadline = attempt.Deadline,
        }));

    /// <summary>Writes what became of an attempt. Where a write got no answer, this may be called again.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="evidence">What is known of it. There is a run.</param>
    /// <param name="report">What is to be written.</param>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task<AttemptEnd> SettleAsync(Attempt attempt, AttemptEvidence evidence, AttemptReport report)
    {
        switch (evidence.Decide())
        {
            case Disposition.LeaveToOther:
                return Lost(attempt);
            case Disposition.HandBack:
                return await HandBackAsync(attempt);
            case Disposition.HandBackLater:
                return await HandBackAsync(
                    attempt, RetrySchedule.Delay(attempt.Policy, 1, report.Failure.RetryAfter, Random.Shared.NextDouble()));
            case Disposition.ResendWithoutSteps:
                return await StopInliningAsync(attempt, report.Status);
            case Disposition.Suspend:
                if (await SuspendAsync(attempt) is { } suspended) return suspended;
                return await SettleAsync(attempt, evidence with { HasNothingPending = true }, report with
                {
                    Failure = new AttemptFailure("suspended with nothing pending", 0, Problems.NothingPending(attempt.Run).ToResponse),
                });
            case Disposition.EndWithProblem:
                return await FailAsync(attempt, AttemptFailure.Of(report.Refusal!));
            case Disposition.Complete:
                return await EndAsync(attempt, RunState.Completed, await report.Result(), report.IsFinalAnswer);
            case Disposition.EndWithResponse:
                return await EndAsync(attempt, RunState.Failed, await report.Result(), report.IsFinalAnswer);
            case Disposition.Retry:
                return await FailAsync(attempt, report.Failure);
            case var other:
                throw new InvalidOperationException($"There is nothing to write where the disposition is {other}.");
        }
    }

    /// <summary>Ends the run of a stored attempt with the service's response.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="state">The final state.</param>
    /// <param name="result">What its client gets.</param>
    /// <param name="isFinalAnswer">Whether the service itself said that this is final (<c>Durable-Retry: ?0</c>).</param>
    public async Task<AttemptEnd> EndAsync(Attempt attempt, RunState state, StoredResponse result, bool isFinalAnswer)
    {
        var reason = $"status {result.Status}";
        var answer = await store.EndAsync(attempt.Key, state, result, attempt.Policy, note: attempt.Note(reason, result.Status),
            releaseKey: state == RunState.Failed && !isFinalAnswer && ReleasesKey(attempt.Policy));
        return Ended(attempt, answer, state, result, reason);
    }

    /// <summary>A run that never needed the store is over.</summary>
    public void EndUnstored(Attempt attempt, RunState state, int status)
    {
        attempt.Settle(AttemptState.Passed);
        if (state == RunState.Failed) log.RunFailed(attempt.Run, status, attempt.Key.Number, $"status {status}", attempt.Describe());
        events.RunEnded(attempt, state, status, isStored: false);
    }

    /// <summary>Parks the run after a failed attempt, or ends it where that was the last one. Stores it first where need be.</summary>
    public async Task<AttemptEnd> FailAsync(Attempt attempt, AttemptFailure failure)
    {
        var failures = attempt.Failures;
        while (true)
        {
            if (attempt.State == AttemptState.Lost) return Lost(attempt);
            var now = time.GetUtcNow();
            var isOverdue = now >= attempt.Deadline;
            var retry = Plan(attempt, failure, failures, now);
            var goesOn = !isOverdue && !retry.IsLast;
            if (!attempt.IsStored)
            {
                var stored = await StoreAsync(attempt, goesOn
                    ? new FirstWrite.Failed(retry.Due, attempt.Note(failure), retry.Counts, retry.UnreachableSince)
                    : FirstWrite.Running.Instance);
                if (!stored) return new AttemptEnd(AttemptState.Unstorable);

                // Another trigger may have stored it as running at the same moment: then it is parked below.
                if (attempt.State == AttemptState.Parked) return Failed(retry.Due);
                continue;
            }

            if (goesOn)
            {
                var park = await store.FailAsync(
                    attempt.Key, retry.Counts ? failures : null, retry.Due, attempt.Note(failure), retry.UnreachableSince);
                if (park.Verdict == ParkVerdict.Done) return Failed(park.Due);
                if (park.Verdict != ParkVerdict.Recount) return Lost(attempt);
                failures = park.Failures;
            }
            else
            {
                var result = isOverdue && !failure.Final
                    ? Problems.RunTimeout(attempt.Run, attempt.Policy.RunTimeout).ToResponse()
                    : failure.Result();
                var end = await store.EndAsync(attempt.Key, RunState.Failed, result, attempt.Policy,
                    failure.Final || isOverdue ? null : failures, attempt.Note(failure), ReleasesKey(attempt.Policy));
                if (end.Verdict != ParkVerdict.Recount) return Ended(attempt, end, RunState.Failed, result, failure.Reason);
                failures = end.Failures;
            }
        }

        AttemptEnd Failed(DateTimeOffset due)
        {
            attempt.Settle(AttemptState.Parked);
            log.AttemptFailed(attempt.Run, attempt.Key.Number, failure.Reason, attempt.Describe(), due);
            events.AttemptFailed(attempt, failure, due);
            return new AttemptEnd(AttemptState.Parked, due);
        }
    }

    /// <summary>
    /// Whoever had the attempt leaves it. Where nothing has been written of it, its run is taken up again when its lease ends, if there
    /// is a run.
    /// </summary>
    public void Leave(Attempt attempt)
    {
        switch (attempt.Settle(AttemptState.Dropped))
        {
            case null:
                break;
            case AttemptState.Lost:
                events.AttemptLost(attempt);
                break;
            default:
                events.AttemptDropped(attempt);
                break;
        }
    }

    /// <summary>The client of an attempt was sent to the result URL.</summary>
    public void Redirected(Attempt attempt) => events.ClientRedirected(attempt);

    /// <summary>
    /// Cancels a run, whoever drives it: <see langword="true"/> where it is cancelled now, <see langword="false"/> where it had ended
    /// otherwise.
    /// </summary>
    /// <returns><see langword="null"/> where the run is unknown.</returns>
    /// <param name="run">The run.</param>
    /// <param name="policy">Its policy.</param>
    /// <param name="who">For its history: who cancels it.</param>
    public async Task<bool?> CancelAsync(RunId run, RunPolicy policy, string who)
    {
        var origin = await store.GetOriginAsync(run);
        var cancelled = await store.CancelAsync(run, policy.Retention, who);
        if (cancelled is true) events.RunCancelled(run, origin);
        return cancelled is false ? (await store.GetSnapshotAsync(run))?.State == RunState.Cancelled : cancelled;
    }

    /// <summary>
    /// A run that failed without a final answer of the service does not stand in the way of the same request for all of its retention.
    /// </summary>
    private static bool ReleasesKey(RunPolicy policy) => !policy.IdempotencyKeepsFailures;

    /// <summary>When a run that has failed so often is tried again, if it is.</summary>
    private static RetryPlan Plan(Attempt attempt, AttemptFailure failure, int failures, DateTimeOffset now)
    {
        var policy = attempt.Policy;
        var since = failure.Unreachable ? attempt.UnreachableSince ?? now : (DateTimeOffset?)null;
        var isSpared = RetrySchedule.IsSpared(policy, since, now);
        var due = now + (isSpared
            ? RetrySchedule.DelayWhileUnreachable(policy, now - since!.Value, Random.Shared.NextDouble())
            : RetrySchedule.Delay(policy, failures + 1, failure.RetryAfter, Random.Shared.NextDouble()));
        return new RetryPlan(
            due < attempt.Deadline ? due : attempt.Deadline, Counts: !isSpared, since,
            IsLast: failure.Final || (!isSpared && failures + 1 >= policy.MaxAttempts));
    }

    /// <summary>Parks a run until its pending steps.</summary>
    /// <returns><see langword="null"/> where none is pending.</returns>
    private async Task<AttemptEnd?> SuspendAsync(Attempt attempt)
    {
        // A step that is pending was stored by a checkpoint, and the run with it.
        if (!attempt.IsStored) return null;
        var answer = await store.SuspendAsync(attempt.Key);
        if (answer.Verdict == ParkVerdict.Lost) return Lost(attempt);
        if (answer.Verdict != ParkVerdict.Done) return null;
        attempt.Settle(AttemptState.Parked);
        log.Suspended(attempt.Run, attempt.Key.Number, answer.Due);
        events.AttemptSuspended(attempt, answer.Due);
        return new AttemptEnd(AttemptState.Parked, answer.Due);
    }

    /// <summary>Gives a run back that could not go on through no fault of the service: that does not count as a failure of it.</summary>
    private async Task<AttemptEnd> HandBackAsync(Attempt attempt, TimeSpan delay = default)
    {
        if (attempt.State == AttemptState.Lost) return Lost(attempt);
        if (!await EnsureStoredAsync(attempt)) return new AttemptEnd(AttemptState.Unstorable);
        return await HandBackAsync(attempt, "handed back", 0, time.GetUtcNow() + delay, forOthers: true);
    }

    /// <summary>
    /// Sends a run again at once, and from now on without outcomes in the headers of its attempts: the service refused the ones that the
    /// gateway had put there. That is no failure of the service.
    /// </summary>
    private async Task<AttemptEnd> StopInliningAsync(Attempt attempt, int status)
    {
        // Two writes: after the first alone, the lease runs out, and the next attempt goes without as well.
        if (!await store.StopInliningAsync(attempt.Key)) return Lost(attempt);
        var reason = $"status {status} for headers with {DurableHeaders.Steps}; sent again without";
        return await HandBackAsync(attempt, reason, status, time.GetUtcNow(), forOthers: false);
    }

    private async Task<AttemptEnd> HandBackAsync(Attempt attempt, string reason, int status, DateTimeOffset next, bool forOthers)
    {
        var answer = await store.FailAsync(attempt.Key, expectedFailures: null, next, attempt.Note(reason, status));
        if (answer.Verdict != ParkVerdict.Done) return Lost(attempt);
        attempt.Settle(AttemptState.Parked);
        log.AttemptFailed(attempt.Run, attempt.Key.Number, reason, attempt.Describe(), answer.Due);
        events.AttemptHandedBack(attempt, answer.Due, forOthers);
        return new AttemptEnd(AttemptState.Parked, answer.Due);
    }

    private AttemptEnd Ended(Attempt attempt, ParkAnswer answer, RunState state, StoredResponse result, string reason)
    {
        if (answer.Verdict != ParkVerdict.Done) return Lost(attempt);
        attempt.Settle(AttemptState.Ended);
        if (state == RunState.Failed) log.RunFailed(attempt.Run, result.Status, attempt.Key.Number, reason, attempt.Describe());
        else log.Ended(attempt.Run, state.Name(), result.Status, attempt.Key.Number);
        events.RunEnded(attempt, state, result.Status, isStored: true);
        if (answer.Due != default) events.ResultIsDue(attempt.Run, answer.Due);
        return new AttemptEnd(AttemptState.Ended);
    }

    private AttemptEnd Lost(Attempt attempt)
    {
        attempt.Lose();
        if (attempt.Settle(AttemptState.Dropped) is not null)
        {
            log.AttemptLost(attempt.Run, attempt.Key.Number);
            events.AttemptLost(attempt);
        }

        return new AttemptEnd(AttemptState.Lost);
    }

    /// <summary>
    /// Writes a run for the first time. Callers that come together share one write; a write that failed may be tried again.
    /// </summary>
    private Task<bool> StoreAsync(Attempt attempt, FirstWrite write, bool asOwner = false)
    {
        var ticket = attempt.BeginStoring(asOwner);
        if (ticket.Turn is { } turn) _ = WriteAsync(attempt, turn, write);
        return ticket.Outcome;
    }

    /// <summary>Uses the turn, and gives it back whatever happens.</summary>
    private async Task WriteAsync(Attempt attempt, StoreTurn turn, FirstWrite write)
    {
        // To record a request takes time, which the caller may not have: it may be the clock of all attempts.
        await Task.Yield();
        long? asked = null;
        try
        {
            if (await attempt.Draft!.CompleteAsync(turn.Preparing) is not { } run)
            {
                attempt.RefuseStoring();
                return;
            }

            switch (write)
            {
                case FirstWrite.Due due:
                    await store.CreateDueAsync(run, Owner, due.At);
                    attempt.ConfirmParked();
                    break;
                case FirstWrite.Failed failed:
                    await store.CreateWaitingAsync(run, Owner, failed.NextAttempt, failed.Note, failed.Counts, failed.UnreachableSince);
                    attempt.ConfirmParked();
                    break;
                default:
                    var lease = NewLease(out var until);
                    asked = until;
                    var isOwn = await store.CreateRunningAsync(run, Owner, lease);
                    log.Stored(run.Id);
                    if (isOwn) attempt.ConfirmRunning(until);
                    else attempt.ConfirmLost();
                    break;
            }
        }
        catch (Exception e)
        {
            attempt.FailStoring(e, asked);
        }
    }

    private DateTimeOffset NewLease(out long until)
    {
        // Taken before the call: the lease that the store gives can only be longer than what is reckoned with here.
        until = time.GetTimestamp() + (long)(settings.Lease.TotalSeconds * time.TimestampFrequency);
        return time.GetUtcNow() + settings.Lease;
    }

    /// <summary>
    /// Ends a claimed run that cannot be read. Where only the key is missing, it waits for a node that has it, until its deadline: from
    /// then on no node would send it any more.
    /// </summary>
    private async Task<AttemptState> GiveUpAsync(AttemptKey key, UnreadableRecordException e)
    {
        if (e.KeyIsMissing)
        {
            log.KeyMissing(key.Run, e.Message);
            if (e.Policy is not { } policy || time.GetUtcNow() < e.Deadline)
            {
                await store.FailAsync(key, expectedFailures: null, time.GetUtcNow() + KeyRetry, new("its key is missing"));
                return AttemptState.Parked;
            }

            await store.EndAsync(
                key, RunState.Failed, Problems.RunTimeout(key.Run, policy.RunTimeout).ToResponse(), policy,
                note: new("its key is missing"));
            events.RunUnreadable(key.Run);
            return AttemptState.Ended;
        }

        log.Unreadable(key.Run, e.Message);
        try
        {
            await store.EndAsync(key, RunState.Failed, Problems.RecordUnreadable(key.Run).ToResponse(), new RunPolicy(), releaseKey: true);
            events.RunUnreadable(key.Run);
        }
        catch (UnreadableRecordException)
        {
            await store.SetAsideAsync(key.Run);
        }

        return AttemptState.Ended;
    }

    /// <param name="Due">When the run is tried again.</param>
    /// <param name="Counts">Whether the failure counts.</param>
    /// <param name="UnreachableSince">Since when the service cannot be reached, where that is why.</param>
    /// <param name="IsLast">Whether there is no further try.</param>
    private readonly record struct RetryPlan(DateTimeOffset Due, bool Counts, DateTimeOffset? UnreachableSince, bool IsLast);
}
