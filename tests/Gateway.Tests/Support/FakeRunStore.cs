using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Tests.Support;

/// <summary>A run store whose answers the test sets. It records the calls.</summary>
internal sealed class FakeRunStore : IRunStore
{
    private readonly Lock _lock = new();
    private readonly List<string> _calls = [];

    public Func<Task<bool>> CreateRunning { get; set; } = () => Task.FromResult(true);
    public Func<Task<bool>> CreateWaiting { get; set; } = () => Task.FromResult(true);
    public Func<Task<bool>> CreateDue { get; set; } = () => Task.FromResult(true);
    public Func<Task<bool>> Renew { get; set; } = () => Task.FromResult(true);
    public Func<DateTimeOffset, int?, Task<ParkAnswer>> Fail { get; set; } = (due, _) =>
        Task.FromResult(new ParkAnswer(ParkVerdict.Done, due));
    public Func<int?, Task<ParkAnswer>> End { get; set; } = _ => Task.FromResult(new ParkAnswer(ParkVerdict.Done));
    public Func<Task<ParkAnswer>> Suspend { get; set; } = () => Task.FromResult(new ParkAnswer(ParkVerdict.Done, Make.Start));
    public Func<Task<bool>> StopInlining { get; set; } = () => Task.FromResult(true);
    public Func<Task<ClaimedRun?>> Claim { get; set; } = () => Task.FromResult<ClaimedRun?>(null);

    /// <summary>The result of the last run that ended.</summary>
    public StoredResponse? Result { get; private set; }

    public AttemptNote Note { get; private set; }

    public IReadOnlyList<string> Calls
    {
        get
        {
            lock (_lock) return [.. _calls];
        }
    }

    public Task<bool> CreateRunningAsync(NewRun run, string owner, DateTimeOffset leaseEnd) => Said("create running", CreateRunning);

    public async Task<(bool IsOwn, StepAnswer? Step)> CreateRunningAsync(
        NewRun run, string owner, DateTimeOffset leaseEnd, StepReport report) =>
        (await Said("create running with a step", CreateRunning), new StepAnswer(StepVerdict.Created));

    public Task<bool> CreateWaitingAsync(
        NewRun run, string owner, DateTimeOffset nextAttempt, AttemptNote note, bool counts, DateTimeOffset? unreachableSince)
    {
        Note = note;
        return Said(counts ? "create waiting" : "create waiting, not counted", CreateWaiting);
    }

    public Task<bool> CreateDueAsync(NewRun run, string owner, DateTimeOffset due) => Said("create due", CreateDue);

    public Task<bool> RenewAsync(AttemptKey attempt, DateTimeOffset leaseEnd) => Said("renew", Renew);

    public Task<ParkAnswer> SuspendAsync(AttemptKey attempt, AttemptNote note) => Said("suspend", Suspend);

    public Task<ParkAnswer> FailAsync(
        AttemptKey attempt, int? expectedFailures, DateTimeOffset nextAttempt, AttemptNote note, DateTimeOffset? unreachableSince)
    {
        Note = note;
        return Said($"fail expecting {expectedFailures?.ToString() ?? "any"}", () => Fail(nextAttempt, expectedFailures));
    }

    public Task<ParkAnswer> EndAsync(
        AttemptKey attempt, RunState state, StoredResponse result, RunPolicy policy, int? expectedFailures, AttemptNote note,
        bool releaseKey)
    {
        (Result, Note) = (result, note);
        return Said($"end {state} {result.Status} expecting {expectedFailures?.ToString() ?? "any"}", () => End(expectedFailures));
    }

    public Task<bool> StopInliningAsync(AttemptKey attempt) => Said("stop inlining", StopInlining);

    public Task<ClaimedRun?> ClaimAsync(RunId run, string owner, DateTimeOffset now, DateTimeOffset leaseEnd, uint nonce) =>
        Said("claim", Claim);

    public Task<DateTimeOffset?> GetNextDueAsync(int shard) => throw new NotSupportedException();

    public Task<DueRuns> GetDueAsync(
        int shard, DateTimeOffset now, int limit, IReadOnlyCollection<string> fullRoutes, QueuePlace from, int perRoute) =>
        throw new NotSupportedException();

    public Task SetAsideAsync(RunId run) => throw new NotSupportedException();

    public Task<StepAnswer> StoreOutcomeAsync(
        RunId run, Fence attempt, StepOutcome outcome, int maxSteps, int? expectedTries, FailureText why) =>
        throw new NotSupportedException();

    public Task<StepAnswer> ScheduleStepAsync(
        RunId run, Fence attempt, string step, int maxSteps, int expectedTries, DateTimeOffset nextTry, FailureText why) =>
        throw new NotSupportedException();

    public Task<StepAnswer> StartStepAsync(RunId run, Fence attempt, int maxSteps, StepOutcome interrupted, string execution) =>
        throw new NotSupportedException();

    public Task<StepAnswer> WaitAsync(
        RunId run, Fence attempt, StepOutcome outcome, int maxSteps, DateTimeOffset due, DateTimeOffset now) =>
        throw new NotSupportedException();

    public Task<bool?> CancelAsync(RunId run, TimeSpan retention, string who) => throw new NotSupportedException();

    public Task SetBuildAsync(RunId run, string build) => throw new NotSupportedException();

    public Task NoteMismatchAsync(RunId run, int attempt, int count, string what, CallDrift? drift) => throw new NotSupportedException();

    public Task<RunSnapshot?> GetSnapshotAsync(RunId run, bool countSteps) => throw new NotSupportedException();

    public Task<IReadOnlyList<StepOutcome>?> GetStepsAsync(RunId run) => throw new NotSupportedException();

    public Task<IAsyncEnumerable<IReadOnlyList<StepOutcome>>?> ReadStepsAsync(RunId run) => throw new NotSupportedException();

    public Task<RunPolicy?> GetPolicyAsync(RunId run) => throw new NotSupportedException();

    public Task<RunOrigin?> GetOriginAsync(RunId run) => throw new NotSupportedException();

    public Task<QueueFigures> GetQueueFiguresAsync(DateTimeOffset now) => throw new NotSupportedException();

    public Task<StoredResponse?> GetResultAsync(RunId run) => throw new NotSupportedException();

    public Task<string?> GetTargetAsync(RunId run) => throw new NotSupportedException();

    private Task<T> Said<T>(string call, Func<Task<T>> answer)
    {
        lock (_lock) _calls.Add(call);
        return answer();
    }
}
