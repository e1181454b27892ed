namespace DurableGateway.Dashboard;

/// <summary>What a run or a step did in a stretch of time.</summary>
internal enum Phase
{
    /// <summary>It was due, and nobody had taken it up yet.</summary>
    Queued,

    /// <summary>Nothing was to be done: a delay before a retry, a sleep, an event to come.</summary>
    Waiting,

    /// <summary>The service was at work.</summary>
    Executing,
}
