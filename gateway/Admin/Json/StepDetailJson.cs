namespace DurableGateway.Admin.Json;

internal sealed record StepDetailJson(
    string Id, string Type, string State, int Tries, int Attempt, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, DateTimeOffset? Until,
    string? ContentType, int BodyBytes,
    string? Reason, IReadOnlyList<TryJson> FailedTries, string? EditedBy);
