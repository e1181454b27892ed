using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>An event of a run's progress, as clients see it (§5).</summary>
/// <param name="Id">The id that clients send in <c>Last-Event-ID</c>.</param>
/// <param name="Type"><c>attempt</c>, <c>step</c> or <c>suspended</c>.</param>
/// <param name="Data">The content.</param>
internal sealed record ProgressEvent(long Id, string Type, ProgressData Data)
{
    /// <summary>Converts an entry of the run's history; <see langword="null"/> if clients do not see that entry.</summary>
    public static ProgressEvent? From(HistoryEntry entry) => StepId.HasFormOfCall(entry.Text) ? null : entry.Kind switch
    {
        HistoryKind.AttemptBegan => Make(entry, "attempt", new ProgressData { Attempt = entry.Attempt }),
        HistoryKind.StepCompleted => Step(entry, "completed"),
        HistoryKind.StepFailed => Step(entry, "failed"),
        HistoryKind.StepTryFailed => Step(entry, "retrying"),
        HistoryKind.StepBegan => Step(entry, "running"),
        HistoryKind.StepSleeps => Step(entry, "sleeping"),
        HistoryKind.StepWaits => Step(entry, "waiting"),
        HistoryKind.StepDelivered => Step(entry, "completed"),
        HistoryKind.Suspended => Make(entry, "suspended", new ProgressData { Attempt = entry.Attempt, Until = entry.Until }),
        HistoryKind.AttemptFailed =>
            Make(entry, "suspended", new ProgressData { Attempt = entry.Attempt, Until = entry.Until, Failed = true }),
        _ => null,
    };

    private static ProgressEvent Step(HistoryEntry entry, string state) =>
        Make(entry, "step", new ProgressData { Attempt = entry.Attempt, Step = entry.Text, State = state, Until = entry.Until });

    private static ProgressEvent Make(HistoryEntry entry, string type, ProgressData data) =>
        new(entry.Number, type, data with { Time = entry.Time });
}
