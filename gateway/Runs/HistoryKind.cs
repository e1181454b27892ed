namespace DurableGateway.Runs;

/// <summary>What an entry of a run's history is about; the letters are those of the store.</summary>
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

    /// <summary>An operator did something; the text says what, and who.</summary>
    Operator = 'o',
}
