using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>A run to be stored for the first time.</summary>
internal sealed record NewRun(RunId Id, RunPolicy Policy, string Route, DateTimeOffset StartedAt, StoredRequest Request)
{
    /// <summary>The idempotency key, if the client sent one.</summary>
    public IdempotencyMark? Idempotency { get; init; }

    /// <summary>The concurrency limit, if the policy has one.</summary>
    public ConcurrencyLimit? ConcurrencyLimit { get; init; }

    /// <summary>The step that invoked the run, if any.</summary>
    public Invoker? Invoker { get; init; }

    /// <summary>The nonce of the first attempt, if it is in flight; see <see cref="Fence"/>.</summary>
    public uint Nonce { get; init; }

    public DateTimeOffset Deadline => StartedAt + Policy.RunTimeout;
}
