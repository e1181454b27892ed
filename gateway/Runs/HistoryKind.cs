namespace DurableGateway.Runs;

/// <summary>The kind of an entry of a run's history. The letters are those of the store.</summary>
internal enum HistoryKind
{
    Accepted = 'q',
    AttemptBegan = 'a',
    StepCompleted = 'C',
    StepFailed = 'F',
    StepTryFailed = 'P',
    StepBegan = 'S',
    StepSleeps = 'W',
    StepWaits = 'E',
    StepDelivered = 'D',
    Suspended = 'z',
    AttemptFailed = 'f',
    Mismatch = 'm',
    Ended = 'e',
    Cancelled = 'c',

    /// <summary>An operator acted. The text names the action and the operator.</summary>
    Operator = 'o',
}
