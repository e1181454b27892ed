using DurableGateway.Runs;

namespace DurableGateway.Admin.Json;

internal sealed record HistoryJson(
    long Number, DateTimeOffset Time, string Kind, int Attempt, DateTimeOffset? Until, string Text, string? Reason,
    int? Status, string? Destination, DriftJson? Drift = null)
{
    public static HistoryJson From(HistoryEntry entry)
    {
        var drift = entry.Drift is { } known ? DriftJson.From(known) : null;
        return new HistoryJson(entry.Number, entry.Time, entry.Kind.ToString(), entry.Attempt, entry.Until, entry.Text,
            entry.Reason ?? drift?.ToString(), entry.Status > 0 ? entry.Status : null, entry.Destination, drift);
    }
}
