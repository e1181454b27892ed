namespace DurableGateway.Admin.Json;

internal sealed record AttemptJson(
    int Number, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string Node, string? Destination, string Outcome, string? Reason,
    int? Status, FailureJson? Failure);
