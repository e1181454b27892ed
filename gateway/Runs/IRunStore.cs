using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// Where runs are kept. Every method that changes a run is one atomic transition; those that name an attempt are
/// refused once a later attempt owns the run. All throw <see cref="StoreUnavailableException"/> when the store is away.
/// </summary>
internal interface IRunStore
{
    /// <summary>
    /// Writes a run whose first attempt is in flight, covered by this owner's lease. May be repeated where an answer was lost.
    /// </summary>
    /// <returns><see langword="false"/> where an earlier call, its answer lost, wrote it, and it has been taken up since.</returns>
    /// <exception cref="IdempotencyKeyTakenException">The request's idempotency key stands for another run.</exception>
    Task<bool> CreateRunningAsync(NewRun run, string owner, DateTimeOffset leaseEnd);

    /// <summary>Writes a run whose first attempt has failed already. May be repeated where an answer was lost.</summary>
    /// <param name="run">The run.</param>
    /// <param name="owner">Whose attempt it was.</param>
    /// <param name="nextAttempt">When the next attempt is due.</param>
    /// <param name="note">For the run's history.</param>
    /// <param name="counts">Whether the failure counts.</param>
    /// <param name="unreachableSince">Since when the service cannot be reached, where that is why.</param>
    Task<bool> CreateWaitingAsync(
        NewRun run, string owner, DateTimeOffset nextAttempt, AttemptNote note = default, bool counts = true,
        DateTimeOffset? unreachableSince = null);

    /// <summary>When the first entry of a shard's queue is due; <see langword="null"/> where it is empty.</summary>
    Task<DateTimeOffset?> GetNextDueAsync(int shard);

    /// <summary>Writes a run that has had no attempt yet. May be repeated where an answer was lost.</summary>
    Task<bool> CreateDueAsync(NewRun run, string owner, DateTimeOffset due);

    /// <summary>The runs of a shard that are due, in order, and when the next one after them will be.</summary>
    /// <param name="shard">The shard.</param>
    /// <param name="now">What is due by then.</param>
    /// <param name="limit">The most runs to name.</param>
    /// <param name="fullRoutes">Routes that take no further run now: theirs are passed over.</param>
    /// <param name="from">Where in the queue the look begins.</param>
    /// <param name="perRoute">The most runs of one route to name.</param>
    Task<DueRuns> GetDueAsync(
        int shard, DateTimeOffset now, int limit, IReadOnlyCollection<string> fullRoutes,
        QueuePlace from = default, int perRoute = int.MaxValue);

    /// <summary>Begins the next attempt of a due run; <see langword="null"/> where another node was first.</summary>
    /// <param name="run">The run.</param>
    /// <param name="owner">The node.</param>
    /// <param name="now">The time.</param>
    /// <param name="leaseEnd">When the attempt has lost the run, unless it renews its lease.</param>
    /// <param name="nonce">Of the attempt: see <see cref="Fence"/>.</param>
    /// <exception cref="UnreadableRecordException">The run's record is corrupt or of an unknown version; the run is claimed.</exception>
    Task<ClaimedRun?> ClaimAsync(RunId run, string owner, DateTimeOffset now, DateTimeOffset leaseEnd, uint nonce = 0);

    /// <summary>Takes a run out of its queue that the store itself refuses to work on.</summary>
    Task SetAsideAsync(RunId run);

    /// <summary>Extends the lease; <see langword="false"/> where the attempt no longer owns the run.</summary>
    Task<bool> RenewAsync(AttemptKey attempt, DateTimeOffset leaseEnd);

    /// <summary>Stores the outcome of a step, or answers the one that was first.</summary>
    /// <param name="run">The run of the step.</param>
    /// <param name="attempt">The attempt that says so.</param>
    /// <param name="outcome">The outcome.</param>
    /// <param name="maxSteps">The most steps the run may have.</param>
    /// <param name="expectedTries">The failed tries this is reckoned with; <see langword="null"/>: whatever they are.</param>
    /// <param name="why">Why it failed, for operators: kept sealed.</param>
    Task<StepAnswer> StoreOutcomeAsync(
        RunId run, Fence attempt, StepOutcome outcome, int maxSteps, int? expectedTries = null, string why = "");

    /// <summary>Counts a failed try of a step and schedules the next.</summary>
    Task<StepAnswer> ScheduleStepAsync(
        RunId run, Fence attempt, string step, int maxSteps, int expectedTries, DateTimeOffset nextTry, string why = "");

    /// <summary>
    /// Marks a step as begun by this execution of its handler; where another one began it, stores the outcome and answers it.
    /// </summary>
    /// <param name="run">The run of the step.</param>
    /// <param name="attempt">The attempt that says so.</param>
    /// <param name="maxSteps">The most steps the run may have.</param>
    /// <param name="interrupted">What is stored where another execution began the step.</param>
    /// <param name="execution">What tells this execution from another one of the same attempt;
    /// empty where the service does not say.</param>
    Task<StepAnswer> StartStepAsync(RunId run, Fence attempt, int maxSteps, StepOutcome interrupted, string execution = "");

    /// <summary>Registers a step that waits for a time; when that has come, stores the outcome and answers it.</summary>
    /// <param name="run">The run of the step.</param>
    /// <param name="attempt">The attempt that says so.</param>
    /// <param name="outcome">What is stored when the time has come.</param>
    /// <param name="maxSteps">The most steps the run may have.</param>
    /// <param name="due">When it is over. The first call's counts.</param>
    /// <param name="now">The time.</param>
    Task<StepAnswer> WaitAsync(RunId run, Fence attempt, StepOutcome outcome, int maxSteps, DateTimeOffset due, DateTimeOffset now);

    /// <summary>Parks the run until the earliest of its pending steps.</summary>
    Task<ParkAnswer> SuspendAsync(AttemptKey attempt);

    /// <summary>Parks the run after a failed attempt.</summary>
    /// <param name="attempt">The attempt that failed.</param>
    /// <param name="expectedFailures">The failures this is reckoned with; <see langword="null"/>: this one does not count.</param>
    /// <param name="nextAttempt">When the next attempt is due.</param>
    /// <param name="note">For the run's history.</param>
    /// <param name="unreachableSince">Since when the service cannot be reached, where that is why. The next attempt's claim has it.</param>
    Task<ParkAnswer> FailAsync(
        AttemptKey attempt, int? expectedFailures, DateTimeOffset nextAttempt, AttemptNote note = default,
        DateTimeOffset? unreachableSince = null);

    /// <summary>Ends the run with its result.</summary>
    /// <param name="attempt">The attempt that ends it.</param>
    /// <param name="state">The final state.</param>
    /// <param name="result">What its client gets.</param>
    /// <param name="policy">Says for how long.</param>
    /// <param name="expectedFailures">The failures this is reckoned with; <see langword="null"/>: any.</param>
    /// <param name="note">For the run's history. Its status is that of the result.</param>
    /// <param name="releaseKey">Whether its idempotency key stands for no run from now on.</param>
    Task<ParkAnswer> EndAsync(
        AttemptKey attempt, RunState state, StoredResponse result, RunPolicy policy,
        int? expectedFailures = null, AttemptNote note = default,
        bool releaseKey = false);

    /// <summary>Cancels the run: <see langword="true"/> where it had not ended, <see langword="null"/> where it is unknown.</summary>
    Task<bool?> CancelAsync(RunId run, TimeSpan retention, string who = "");

    /// <summary>Has the later attempts of the run go without outcomes in their headers. May be repeated where an answer was lost.</summary>
    /// <returns><see langword="false"/> where the attempt no longer owns the run.</returns>
    Task<bool> StopInliningAsync(AttemptKey attempt);

    /// <summary>The build of the service whose steps the run has; the first one that is said counts.</summary>
    Task SetBuildAsync(RunId run, string build);

    /// <summary>Writes down that stored steps do not fit the handler any more.</summary>
    Task NoteMismatchAsync(RunId run, int attempt, int count, string what);

    Task<RunSnapshot?> GetSnapshotAsync(RunId run, bool countSteps = false);

    /// <summary>The stored outcomes, oldest first; <see langword="null"/> where the run is unknown.</summary>
    Task<IReadOnlyList<StepOutcome>?> GetStepsAsync(RunId run);

    /// <summary>The policy that the run started under; <see langword="null"/> where the run is unknown.</summary>
    Task<RunPolicy?> GetPolicyAsync(RunId run);

    /// <summary>Where the run comes from; <see langword="null"/> where it is unknown.</summary>
    Task<RunOrigin?> GetOriginAsync(RunId run);

    /// <summary>How full the queues are: two numbers and a head for each shard, never a look at the runs.</summary>
    Task<QueueFigures> GetQueueFiguresAsync(DateTimeOffset now);

    /// <summary>The result of an ended run; <see langword="null"/> where there is none.</summary>
    Task<StoredResponse?> GetResultAsync(RunId run);

    /// <summary>The target of the run's request, as it stood on the wire; <see langword="null"/> where it is not known.</summary>
    /// <exception cref="UnreadableRecordException">The record is corrupt, or its key is missing.</exception>
    Task<string?> GetTargetAsync(RunId run);
}
