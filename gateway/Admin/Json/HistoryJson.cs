namespace DurableGateway.Admin.Json;

internal sealed record HistoryJson(
    long Number, DateTimeOffset Time, string Kind, int Attempt, DateTimeOffset? Until, string Text, string? Reason,
    int? Status, string? Destination);
