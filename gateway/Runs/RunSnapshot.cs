using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>A run's state as clients and services are told it.</summary>
internal sealed record RunSnapshot
{
    public required RunId Id { get; init; }
    public required RunState State { get; init; }
    public required int Attempt { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>What its result is bound to; empty for nothing.</summary>
    public string Binding { get; init; } = "";
    public int CompletedSteps { get; init; }
    public int FailedSteps { get; init; }
    public int PendingSteps { get; init; }
}
