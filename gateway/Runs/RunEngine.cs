using DurableGateway.Diagnostics;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Makes the transitions of runs, between the attempts on this node and the store.</summary>
internal sealed partial class RunEngine(
    IRunStore store, RunEvents events, EngineSettings settings, TimeProvider time, ILogger<RunEngine> log)
{
    /// <summary>How long a run whose key this node does not have waits for a node that has it.</summary>
    private static readonly TimeSpan KeyRetry = TimeSpan.FromSeconds(30);

    /// <summary>The owner of this node's leases: the name of the machine, and an id of the process.</summary>
    public string Owner { get; } = $"{Environment.MachineName}/{Guid.NewGuid().ToString("N")[..16]}";

    public TimeSpan LeaseTime => settings.Lease;

    /// <summary>Stores a run without an attempt. The first attempt is due at a time.</summary>
    /// <exception cref="IdempotencyKeyTakenException">The request's key belongs to another run.</exception>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    public async Task AcceptAsync(NewRun run, DateTimeOffset due)
    {
        // If the client gets an error, the run must not exist.
        await StoreRetry.ResolveAsync(() => store.CreateDueAsync(run, Owner, due), time);
        events.RunAccepted(run, due);
    }

    /// <summary>Registers a live attempt before it is sent.</summary>
    public void Begin(Attempt attempt) => events.LiveAttemptBegan(attempt);

    /// <summary>Stores a live run with its attempt in flight.</summary>
    /// <returns><see langword="false"/> if the attempt is over, or there is no complete request to store.</returns>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    public Task<bool> EnsureStoredAsync(Attempt attempt) => StoreAsync(attempt, FirstWrite.Running.Instance);

    /// <summary>The same for the sender of the request, also after <see cref="Attempt.CloseAsync"/>.</summary>
    public Task<bool> RepeatStoreAsync(Attempt attempt) => StoreAsync(attempt, FirstWrite.Running.Instance, asOwner: true);

    /// <summary>Stores a run whose first attempt begins later.</summary>
    /// <returns><see langword="false"/> if there is no complete request to store.</returns>
    public async Task<bool> StoreForLaterAsync(Attempt attempt, DateTimeOffset due)
    {
        if (!await StoreAsync(attempt, new FirstWrite.Due(due))) return false;
        log.Queued(attempt.Run, due);
        events.RunQueued(attempt, due);
        return true;
    }

    /// <summary>Extends the lease of an attempt, or aborts the attempt if the lease is lost.</summary>
    public async Task RenewAsync(Attempt attempt)
    {
        var lease = NewLease(out var until);
        if (await store.RenewAsync(attempt.Key, lease)) attempt.Renew(until);
        else attempt.Lose();
    }

    /// <summary>Whether an attempt owns its run now: by its lease, or because the store has just extended it.</summary>
    public async Task<bool> OwnsAsync(Attempt attempt)
    {
        if (!attempt.HoldsLease) await RenewAsync(attempt);
        return attempt.HoldsLease;
    }

    /// <summary>Claims a due run and begins its next attempt, or ends a run whose record is unreadable.</summary>
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

    /// <summary>Ends the run of an attempt whose request is unreadable.</summary>
    public async Task GiveUpAsync(Attempt attempt, UnreadableRecordException e) =>
        attempt.Settle(await GiveUpAsync(attempt.Key, new UnreadableRecordException(e.Message, e)
        {
            Attempt = attempt.Key.Number,
            KeyIsMissing = e.KeyIsMissing,
            Policy = attempt.Policy,
            Deadline = attempt.Deadline,
        }));

    /// <summary>Writes the end of an attempt. Can be repeated if a write got no answer.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="evidence">The evidence of the attempt. There is a run.</param>
    /// <param name="report">The data to write.</param>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
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
                throw new InvalidOperationException($"There is nothing to write for the disposition {other}.");
        }
    }

    /// <summary>Ends the run of a stored attempt with the service's response.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="state">The final state.</param>
    /// <param name="result">The result.</param>
    /// <param name="isFinalAnswer">Whether the service stated that the response is final (<c>Durable-Retry: ?0</c>).</param>
    public async Task<AttemptEnd> EndAsync(Attempt attempt, RunState state, StoredResponse result, bool isFinalAnswer)
    {
        var reason = $"status {result.Status}";
        var answer = await store.EndAsync(attempt.Key, state, result, attempt.Policy, note: attempt.Note(reason, result.Status),
            releaseKey: state == RunState.Failed && !isFinalAnswer && ReleasesKey(attempt.Policy));
        return Ended(attempt, answer, state, result, reason);
    }

    /// <summary>Ends a run that was never stored.</summary>
    public void EndUnstored(Attempt attempt, RunState state, int status)
    {
        attempt.Settle(AttemptState.Passed);
        if (state == RunState.Failed) log.RunFailed(attempt.Run, status, attempt.Key.Number, $"status {status}", attempt.Describe());
        events.RunEnded(attempt, state, status, isStored: false);
    }

    /// <summary>Parks the run after a failed attempt, or ends it after the last attempt. Stores it first if necessary.</summary>
    public async Task<AttemptEnd> FailAsync(Attempt attempt, AttemptFailure failure)
    {
        var failures = attempt.Failures;
        while (true)
        {
            // A lost attempt asks the store as well: what took the run away may be its own write, the answer to which was lost.
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

                // Another trigger may have stored the run as running at the same time. It is then parked below.
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
                    failure.Final || isOverdue ? null : failures, attempt.LastNote(failure), ReleasesKey(attempt.Policy));
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
    /// Removes the attempt from this node. If its end was not written and there is a run, another attempt claims the run when the lease
    /// ends.
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

    /// <summary>
    /// Cancels a run, on whichever node its attempt is: <see langword="true"/> if it is cancelled now, <see langword="false"/> if it had
    /// already ended otherwise.
    /// </summary>
    /// <returns><see langword="null"/> if the run is unknown.</returns>
    /// <param name="run">The run.</param>
    /// <param name="policy">Its policy.</param>
    /// <param name="who">Who cancels the run, for its history.</param>
    public async Task<bool?> CancelAsync(RunId run, RunPolicy policy, string who)
    {
        var origin = await store.GetOriginAsync(run);
        var cancelled = await store.CancelAsync(run, policy.Retention, who);
        if (cancelled is true) events.RunCancelled(run, origin);
        return cancelled is false ? (await store.GetSnapshotAsync(run))?.State == RunState.Cancelled : cancelled;
    }

    /// <summary>
    /// Whether to release the idempotency key of a run that failed without a final response of the service, so that the client can repeat
    /// the request before the run's retention ends.
    /// </summary>
    private static bool ReleasesKey(RunPolicy policy) => !policy.IdempotencyKeepsFailures;

    /// <summary>When a run is tried again after this number of failures, if it is.</summary>
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

    /// <summary>Parks a run until its first pending step is due.</summary>
    /// <returns><see langword="null"/> if no step is pending.</returns>
    private async Task<AttemptEnd?> SuspendAsync(Attempt attempt)
    {
        // A checkpoint stored the pending step and the run.
        if (!attempt.IsStored) return null;
        var answer = await store.SuspendAsync(attempt.Key, attempt.Note(""));
        if (answer.Verdict == ParkVerdict.Lost) return Lost(attempt);
        if (answer.Verdict != ParkVerdict.Done) return null;
        attempt.Settle(AttemptState.Parked);
        log.Suspended(attempt.Run, attempt.Key.Number, answer.Due);
        events.AttemptSuspended(attempt, answer.Due);
        return new AttemptEnd(AttemptState.Parked, answer.Due);
    }

    /// <summary>Releases a run whose attempt ended without a failure of the service. The attempt does not count as a failure.</summary>
    private async Task<AttemptEnd> HandBackAsync(Attempt attempt, TimeSpan delay = default)
    {
        if (!await EnsureStoredAsync(attempt)) return new AttemptEnd(AttemptState.Unstorable);
        return await HandBackAsync(attempt, "handed back", 0, time.GetUtcNow() + delay, forOthers: true);
    }

    /// <summary>
    /// Makes a run due immediately and stops inlining outcomes for it, because the service refused the inlined outcomes. This does not
    /// count as a failure of the service.
    /// </summary>
    private async Task<AttemptEnd> StopInliningAsync(Attempt attempt, int status)
    {
        // If only the first of the two writes succeeds, the lease expires, and the next attempt has no inlined outcomes either.
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
    /// Writes a run for the first time. Concurrent callers share one write. A failed write can be repeated.
    /// </summary>
    private Task<bool> StoreAsync(Attempt attempt, FirstWrite write, bool asOwner = false)
    {
        var ticket = attempt.BeginStoring(asOwner);
        if (ticket.Turn is { } turn) _ = WriteAsync(attempt, turn, write);
        return ticket.Outcome;
    }

    /// <summary>Uses the turn, and always returns it.</summary>
    private async Task WriteAsync(Attempt attempt, StoreTurn turn, FirstWrite write)
    {
        // Reading the request takes time, and must not block the caller, which may be the clock of all attempts.
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
                    bool isOwn;
                    if (write is FirstWrite.WithStep step)
                        (isOwn, step.Answer) = await store.CreateRunningAsync(run, Owner, lease, step.Report);
                    else isOwn = await store.CreateRunningAsync(run, Owner, lease);
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
        // Read the time before the call, so that the lease in the store is at least as long as assumed here.
        until = time.GetTimestamp() + (long)(settings.Lease.TotalSeconds * time.TimestampFrequency);
        return time.GetUtcNow() + settings.Lease;
    }

    /// <summary>
    /// Ends a claimed run that is unreadable. If only the key is missing, parks the run for a node that has the key, until the run's
    /// deadline, after which no node sends it.
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
    /// <param name="UnreachableSince">When the service became unreachable, if that is the reason.</param>
    /// <param name="IsLast">Whether there is no further try.</param>
    private readonly record struct RetryPlan(DateTimeOffset Due, bool Counts, DateTimeOffset? UnreachableSince, bool IsLast);
}
