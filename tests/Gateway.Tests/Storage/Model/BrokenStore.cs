using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Tests.Storage.Model;

/// <summary>A store with a deliberate fault, which the checker must find.</summary>
internal sealed class BrokenStore(IRunStore inner, StoreConnection connection, string how) : IRunStore
{
    public Task<bool> CreateRunningAsync(NewRun run, string owner, DateTimeOffset leaseEnd) =>
        inner.CreateRunningAsync(run, owner, leaseEnd);

    public Task<(bool IsOwn, StepAnswer? Step)> CreateRunningAsync(
        NewRun run, string owner, DateTimeOffset leaseEnd, StepReport report) => inner.CreateRunningAsync(run, owner, leaseEnd, report);

    public Task<bool> CreateWaitingAsync(
        NewRun run, string owner, DateTimeOffset nextAttempt, AttemptNote note, bool counts, DateTimeOffset? unreachableSince) =>
        inner.CreateWaitingAsync(run, owner, nextAttempt, note, counts, unreachableSince);

    public Task<bool> CreateDueAsync(NewRun run, string owner, DateTimeOffset due) => inner.CreateDueAsync(run, owner, due);

    public async Task<StepAnswer> StoreOutcomeAsync(
        RunId run, Fence attempt, StepOutcome outcome, int maxSteps, int? expectedTries, FailureText why)
    {
        if (how == "forgets the fence" && await inner.GetSnapshotAsync(run) is { } snapshot) attempt = snapshot.Attempt;
        var answer = await inner.StoreOutcomeAsync(run, attempt, outcome, maxSteps, expectedTries, why);
        if (how == "overwrites outcomes" && answer.Verdict == StepVerdict.Stored) return answer with { Outcome = outcome };
        if (how == "keeps for ever" && answer.Verdict == StepVerdict.Created)
            await connection.ExecuteAsync(db => db.KeyPersistAsync(Keys(run).Steps));
        return answer;
    }

    public async Task<ParkAnswer> FailAsync(
        AttemptKey attempt, int? expectedFailures, DateTimeOffset nextAttempt, AttemptNote note, DateTimeOffset? unreachableSince)
    {
        var answer = await inner.FailAsync(attempt, expectedFailures, nextAttempt, note, unreachableSince);
        if (how == "forgets the queue" && answer.Verdict == ParkVerdict.Done) await inner.SetAsideAsync(attempt.Run);
        return answer;
    }

    public async Task<ParkAnswer> EndAsync(
        AttemptKey attempt, RunState state, StoredResponse result, RunPolicy policy, int? expectedFailures,
        AttemptNote note, bool releaseKey)
    {
        if (how == "ends twice" && await inner.GetSnapshotAsync(attempt.Run) is { State: RunState.Completed or RunState.Failed })
            await connection.ExecuteAsync(db => db.HashSetAsync(Keys(attempt.Run).Run, [new("state", "running"), new("attempt",
                attempt.Number), new("owner", attempt.Owner), new("by", "")]).ContinueWith(_ => true, TaskScheduler.Default));
        return await inner.EndAsync(attempt, state, result, policy, expectedFailures, note, releaseKey);
    }

    public Task<DateTimeOffset?> GetNextDueAsync(int shard) => inner.GetNextDueAsync(shard);

    public Task<DueRuns> GetDueAsync(
        int shard, DateTimeOffset now, int limit, IReadOnlyCollection<string> fullRoutes, QueuePlace from, int perRoute) =>
        inner.GetDueAsync(shard, now, limit, fullRoutes, from, perRoute);

    public Task<ClaimedRun?> ClaimAsync(RunId run, string owner, DateTimeOffset now, DateTimeOffset leaseEnd, uint nonce) =>
        inner.ClaimAsync(run, owner, now, leaseEnd, nonce);

    public Task SetAsideAsync(RunId run) => inner.SetAsideAsync(run);

    public Task<bool> RenewAsync(AttemptKey attempt, DateTimeOffset leaseEnd) => inner.RenewAsync(attempt, leaseEnd);

    public Task<StepAnswer> ScheduleStepAsync(
        RunId run, Fence attempt, string step, int maxSteps, int expectedTries, DateTimeOffset nextTry, FailureText why) =>
        inner.ScheduleStepAsync(run, attempt, step, maxSteps, expectedTries, nextTry, why);

    public Task<StepAnswer> StartStepAsync(RunId run, Fence attempt, int maxSteps, StepOutcome interrupted, string execution) =>
        inner.StartStepAsync(run, attempt, maxSteps, interrupted, execution);

    public Task<StepAnswer> WaitAsync(
        RunId run, Fence attempt, StepOutcome outcome, int maxSteps, DateTimeOffset due, DateTimeOffset now) =>
        inner.WaitAsync(run, attempt, outcome, maxSteps, due, now);

    public Task<bool> StopInliningAsync(AttemptKey attempt) => inner.StopInliningAsync(attempt);

    public Task<ParkAnswer> SuspendAsync(AttemptKey attempt, AttemptNote note) => inner.SuspendAsync(attempt, note);

    public Task<bool?> CancelAsync(RunId run, TimeSpan retention, string who) => inner.CancelAsync(run, retention, who);

    public Task SetBuildAsync(RunId run, string build) => inner.SetBuildAsync(run, build);

    public Task NoteMismatchAsync(RunId run, int attempt, int count, string what, CallDrift? drift) =>
        inner.NoteMismatchAsync(run, attempt, count, what, drift);

    public Task<RunSnapshot?> GetSnapshotAsync(RunId run, bool countSteps) => inner.GetSnapshotAsync(run, countSteps);

    public Task<IReadOnlyList<StepOutcome>?> GetStepsAsync(RunId run) => inner.GetStepsAsync(run);

    public Task<IAsyncEnumerable<IReadOnlyList<StepOutcome>>?> ReadStepsAsync(RunId run) => inner.ReadStepsAsync(run);

    public Task<RunPolicy?> GetPolicyAsync(RunId run) => inner.GetPolicyAsync(run);

    public Task<RunOrigin?> GetOriginAsync(RunId run) => inner.GetOriginAsync(run);

    public Task<QueueFigures> GetQueueFiguresAsync(DateTimeOffset now) => inner.GetQueueFiguresAsync(now);

    public Task<StoredResponse?> GetResultAsync(RunId run) => inner.GetResultAsync(run);

    public Task<string?> GetTargetAsync(RunId run) => inner.GetTargetAsync(run);

    private static StoreKeys Keys(RunId run) => new(run, StoreFixture.Shards);
}
