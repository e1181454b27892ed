namespace DurableGateway.Runs;

/// <summary>How an attempt ended.</summary>
internal enum AttemptOutcome
{
    /// <summary>The service answered, and its response is the run's result.</summary>
    Completed,

    /// <summary>The attempt failed. Another attempt can follow.</summary>
    Failed,

    /// <summary>The attempt failed permanently (<c>Durable-Retry: ?0</c> with a failure status).</summary>
    FailedForGood,

    /// <summary>The service suspended the run: a step waits, or its next try is due later.</summary>
    Suspended,
}
