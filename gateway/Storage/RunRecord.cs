using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>The data of a run that the admin API shows.</summary>
internal sealed record RunRecord
{
    public required RunId Id { get; init; }
    public required string Route { get; init; }
    public required string Method { get; init; }
    public required string Path { get; init; }
    public required RunState State { get; init; }
    public required bool Paused { get; init; }
    public required int Attempt { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required DateTimeOffset? EndedAt { get; init; }
    public required DateTimeOffset? NextAttemptAt { get; init; }
    public required int CompletedSteps { get; init; }
    public required int FailedSteps { get; init; }
    public required int PendingSteps { get; init; }
    public required AttemptNote Note { get; init; }
    public required int Mismatches { get; init; }
    public required bool HasIdempotencyKey { get; init; }
}
