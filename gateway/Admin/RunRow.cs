using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Admin;

internal sealed record RunRow(
    RunId Id, string Route, string Method, string Path, RunState State, bool Paused, int Attempt,
    DateTimeOffset StartedAt, DateTimeOffset? EndedAt,
    DateTimeOffset? NextAttemptAt, int CompletedSteps, int FailedSteps, int PendingSteps, int? Status, string? LastError, int Mismatches,
    bool HasIdempotencyKey = false);
