using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>One event of a run's progress as clients see it (§5).</summary>
/// <param name="Id">For <c>Last-Event-ID</c>.</param>
/// <param name="Type"><c>attempt</c>, <c>step</c> or <c>suspended</c>.</param>
/// <param name="Data">What it says.</param>
internal sealed record ProgressEvent(long Id, string Type, ProgressData Data)
{
    /// <summary>What an entry of the run's history says to its client; <see langword="null"/> where that is nothing.</summary>
    public static ProgressEvent? From(HistoryEntry entry) => entry.Kind switch
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
