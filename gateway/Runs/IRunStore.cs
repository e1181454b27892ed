using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// The store of runs. Every method that changes a run is one atomic transition. The store refuses a change by an attempt that no longer
/// owns the run. All methods throw <see cref="StoreUnavailableException"/> if the store is unavailable.
/// </summary>
internal interface IRunStore
{
    /// <summary>
    /// Writes a run whose first attempt is in flight under a lease of this owner. Can be repeated if the answer was lost.
    /// </summary>
    /// <returns><see langword="false"/> if an earlier call without an answer wrote the run, and it was claimed since.</returns>
    /// <exception cref="IdempotencyKeyTakenException">The request's idempotency key belongs to another run.</exception>
    Task<bool> CreateRunningAsync(NewRun run, string owner, DateTimeOffset leaseEnd);

    /// <summary>
    /// The same, with the attempt's first report on a step, in one transition. Can be repeated if the answer was lost.
    /// </summary>
    /// <returns>
    /// What the call without a report returns, and the answer to the report. <see langword="null"/> if the report was not made, because run
    /// and report are too large for one call.
    /// </returns>
    /// <exception cref="IdempotencyKeyTakenException">The request's idempotency key belongs to another run.</exception>
    Task<(bool IsOwn, StepAnswer? Step)> CreateRunningAsync(NewRun run, string owner, DateTimeOffset leaseEnd, StepReport report);

    /// <summary>Writes a run whose first attempt has already failed. Can be repeated if the answer was lost.</summary>
    /// <param name="run">The run.</param>
    /// <param name="owner">The node of the attempt.</param>
    /// <param name="nextAttempt">When the next attempt is due.</param>
    /// <param name="note">The note for the run's history.</param>
    /// <param name="counts">Whether the failure counts.</param>
    /// <param name="unreachableSince">When the service became unreachable, if that is the reason.</param>
    Task<bool> CreateWaitingAsync(
        NewRun run, string owner, DateTimeOffset nextAttempt, AttemptNote note = default, bool counts = true,
        DateTimeOffset? unreachableSince = null);

    /// <summary>When the first entry of a shard's due queue is due; <see langword="null"/> if the queue is empty.</summary>
    Task<DateTimeOffset?> GetNextDueAsync(int shard);

    /// <summary>Writes a run without an attempt. Can be repeated if the answer was lost.</summary>
    Task<bool> CreateDueAsync(NewRun run, string owner, DateTimeOffset due);

    /// <summary>The due runs of a shard, in order, and when the next entry becomes due.</summary>
    /// <param name="shard">The shard.</param>
    /// <param name="now">The time at which the runs are due.</param>
    /// <param name="limit">The maximum number of runs.</param>
    /// <param name="fullRoutes">Routes without room. Their runs are skipped.</param>
    /// <param name="from">The place in the queue to begin at.</param>
    /// <param name="perRoute">The maximum number of runs for each route.</param>
    Task<DueRuns> GetDueAsync(
        int shard, DateTimeOffset now, int limit, IReadOnlyCollection<string> fullRoutes,
        QueuePlace from = default, int perRoute = int.MaxValue);

    /// <summary>Claims a due run and begins its next attempt; <see langword="null"/> if another node was first.</summary>
    /// <param name="run">The run.</param>
    /// <param name="owner">The node.</param>
    /// <param name="now">The time.</param>
    /// <param name="leaseEnd">When the lease ends, unless the attempt renews it.</param>
    /// <param name="nonce">The nonce of the attempt; see <see cref="Fence"/>.</param>
    /// <exception cref="UnreadableRecordException">The run's record is corrupt or of an unknown version. The run is claimed.</exception>
    Task<ClaimedRun?> ClaimAsync(RunId run, string owner, DateTimeOffset now, DateTimeOffset leaseEnd, uint nonce = 0);

    /// <summary>Removes a run from its queue if the store cannot process it.</summary>
    Task SetAsideAsync(RunId run);

    /// <summary>Extends the lease; <see langword="false"/> if the attempt no longer owns the run.</summary>
    Task<bool> RenewAsync(AttemptKey attempt, DateTimeOffset leaseEnd);

    /// <summary>Stores the outcome of a step, or returns the outcome that is already stored.</summary>
    /// <param name="run">The run of the step.</param>
    /// <param name="attempt">The attempt that reports it.</param>
    /// <param name="outcome">The outcome.</param>
    /// <param name="maxSteps">The maximum number of steps of the run.</param>
    /// <param name="expectedTries">The number of failed tries that the caller assumes; <see langword="null"/> for any number.</param>
    /// <param name="why">The reason of the failure, for operators. It is stored sealed.</param>
    Task<StepAnswer> StoreOutcomeAsync(
        RunId run, Fence attempt, StepOutcome outcome, int maxSteps, int? expectedTries = null, FailureText why = default);

    /// <summary>Counts a failed try of a step and schedules the next one.</summary>
    Task<StepAnswer> ScheduleStepAsync(
        RunId run, Fence attempt, string step, int maxSteps, int expectedTries, DateTimeOffset nextTry,
        FailureText why = default);

    /// <summary>
    /// Marks a step as begun by this execution of its handler. If another execution began it, stores the given outcome and returns it.
    /// </summary>
    /// <param name="run">The run of the step.</param>
    /// <param name="attempt">The attempt that reports it.</param>
    /// <param name="maxSteps">The maximum number of steps of the run.</param>
    /// <param name="interrupted">The outcome to store if another execution began the step.</param>
    /// <param name="execution">The id of this execution, which distinguishes executions of the same attempt;
    /// empty if the service does not send it.</param>
    Task<StepAnswer> StartStepAsync(RunId run, Fence attempt, int maxSteps, StepOutcome interrupted, string execution = "");

    /// <summary>Registers a step that sleeps. After the sleep, stores the outcome and returns it.</summary>
    /// <param name="run">The run of the step.</param>
    /// <param name="attempt">The attempt that reports it.</param>
    /// <param name="outcome">The outcome to store after the sleep.</param>
    /// <param name="maxSteps">The maximum number of steps of the run.</param>
    /// <param name="due">When the sleep ends. The value of the first call applies.</param>
    /// <param name="now">The time.</param>
    Task<StepAnswer> WaitAsync(RunId run, Fence attempt, StepOutcome outcome, int maxSteps, DateTimeOffset due, DateTimeOffset now);

    /// <summary>Parks the run until the earliest of its pending steps is due.</summary>
    Task<ParkAnswer> SuspendAsync(AttemptKey attempt, AttemptNote note = default);

    /// <summary>Parks the run after a failed attempt.</summary>
    /// <param name="attempt">The attempt that failed.</param>
    /// <param name="expectedFailures">The failures that the caller assumes; <see langword="null"/> if this failure does not count.</param>
    /// <param name="nextAttempt">When the next attempt is due.</param>
    /// <param name="note">The note for the run's history.</param>
    /// <param name="unreachableSince">When the service became unreachable, if that is the reason. The next claim returns it.</param>
    Task<ParkAnswer> FailAsync(
        AttemptKey attempt, int? expectedFailures, DateTimeOffset nextAttempt, AttemptNote note = default,
        DateTimeOffset? unreachableSince = null);

    /// <summary>Ends the run with its result.</summary>
    /// <param name="attempt">The attempt that ends it.</param>
    /// <param name="state">The final state.</param>
    /// <param name="result">The result.</param>
    /// <param name="policy">The policy, which sets the retention.</param>
    /// <param name="expectedFailures">The number of failures that the caller assumes; <see langword="null"/> for any number.</param>
    /// <param name="note">The note for the run's history. Its status is that of the result.</param>
    /// <param name="releaseKey">Whether to release the idempotency key.</param>
    Task<ParkAnswer> EndAsync(
        AttemptKey attempt, RunState state, StoredResponse result, RunPolicy policy,
        int? expectedFailures = null, AttemptNote note = default,
        bool releaseKey = false);

    /// <summary>Cancels the run: <see langword="true"/> if it had not ended, <see langword="null"/> if it is unknown.</summary>
    Task<bool?> CancelAsync(RunId run, TimeSpan retention, string who = "");

    /// <summary>Stops inlining outcomes into later attempts of the run. Can be repeated if the answer was lost.</summary>
    /// <returns><see langword="false"/> if the attempt no longer owns the run.</returns>
    Task<bool> StopInliningAsync(AttemptKey attempt);

    /// <summary>Records the build of the service that writes the run's steps. The first reported build counts.</summary>
    Task SetBuildAsync(RunId run, string build);

    /// <summary>Records that stored steps no longer fit the handler.</summary>
    /// <param name="run">The run.</param>
    /// <param name="attempt">The attempt that found it.</param>
    /// <param name="count">The number of steps that do not fit; 0 for a note that is no mismatch.</param>
    /// <param name="what">The steps and the reason, without values.</param>
    /// <param name="drift">The values that differ, if a call of the service has drifted.</param>
    Task NoteMismatchAsync(RunId run, int attempt, int count, string what, CallDrift? drift = null);

    Task<RunSnapshot?> GetSnapshotAsync(RunId run, bool countSteps = false);

    /// <summary>The stored outcomes, oldest first; <see langword="null"/> if the run is unknown.</summary>
    Task<IReadOnlyList<StepOutcome>?> GetStepsAsync(RunId run);

    /// <summary>Reads the stored outcomes page by page, in no order: a run of any size takes little memory.</summary>
    /// <returns><see langword="null"/> if the run is unknown.</returns>
    Task<IAsyncEnumerable<IReadOnlyList<StepOutcome>>?> ReadStepsAsync(RunId run);

    /// <summary>The policy that the run started under; <see langword="null"/> if the run is unknown.</summary>
    Task<RunPolicy?> GetPolicyAsync(RunId run);

    /// <summary>The origin of the run; <see langword="null"/> if the run is unknown.</summary>
    Task<RunOrigin?> GetOriginAsync(RunId run);

    /// <summary>The sizes of the queues. The cost does not depend on the number of runs.</summary>
    Task<QueueFigures> GetQueueFiguresAsync(DateTimeOffset now);

    /// <summary>The result of an ended run; <see langword="null"/> if there is none.</summary>
    Task<StoredResponse?> GetResultAsync(RunId run);

    /// <summary>The target of the run's request, as received; <see langword="null"/> if it is not known.</summary>
    /// <exception cref="UnreadableRecordException">The record is corrupt, or its key is missing.</exception>
    Task<string?> GetTargetAsync(RunId run);
}
