using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>A run as it is first written.</summary>
internal sealed record NewRun(RunId Id, RunPolicy Policy, string Route, DateTimeOffset StartedAt, StoredRequest Request)
{
    /// <summary>Where the client sent an idempotency key.</summary>
    public IdempotencyMark? Idempotency { get; init; }

    /// <summary>Where its policy limits how many run at once.</summary>
    public ConcurrencyLimit? ConcurrencyLimit { get; init; }

    /// <summary>Where a step of another run invoked it.</summary>
    public Invoker? Invoker { get; init; }

    /// <summary>Of its first attempt, where that is in flight: see <see cref="Fence"/>.</summary>
    public uint Nonce { get; init; }

    public DateTimeOffset Deadline => StartedAt + Policy.RunTimeout;
}
