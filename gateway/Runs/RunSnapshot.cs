using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>The state of a run that clients and services can see.</summary>
internal sealed record RunSnapshot
{
    public required RunId Id { get; init; }
    public required RunState State { get; init; }
    public required int Attempt { get; init; }
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When the next attempt is due; <see langword="null"/> if the run does not wait, or is paused.</summary>
    public required DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>The binding of the result; empty if it has none.</summary>
    public string Binding { get; init; } = "";
    public int CompletedSteps { get; init; }
    public int FailedSteps { get; init; }
    public int PendingSteps { get; init; }
}
