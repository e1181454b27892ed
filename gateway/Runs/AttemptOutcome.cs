namespace DurableGateway.Runs;

/// <summary>How an attempt ended.</summary>
internal enum AttemptOutcome
{
    /// <summary>The service answered, and its response is the run's result.</summary>
    Completed,

    /// <summary>The attempt failed and may be tried again.</summary>
    Failed,

    /// <summary>The service says that trying again cannot help (<c>Durable-Retry: ?0</c> with a failure status).</summary>
    FailedForGood,

    /// <summary>The handler has not finished: a step waits, or its retry is due later.</summary>
    Suspended,
}
