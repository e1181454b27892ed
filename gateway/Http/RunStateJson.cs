using DurableGateway.Runs;

namespace DurableGateway.Http;

/// <summary>A run's state on the wire (§3, <c>GET {callback}</c>; §5, the <c>202</c> of a result URL).</summary>
internal sealed record RunStateJson(
    string RunId, string State, int Attempt, StepCountsJson Steps, DateTimeOffset StartedAt, DateTimeOffset? NextAttemptAt)
{
    public static RunStateJson From(RunSnapshot run) => new(run.Id.ToString(), run.State.Name(), run.Attempt,
        new StepCountsJson(run.CompletedSteps, run.FailedSteps, run.PendingSteps), run.StartedAt, run.NextAttemptAt);
}
