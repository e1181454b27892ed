namespace DurableGateway.Dashboard;

/// <summary>The activity of a run or a step in a segment of time.</summary>
internal enum Phase
{
    /// <summary>The run was due, and no node had started its attempt.</summary>
    Queued,

    /// <summary>A delay before a retry, a sleep, or a wait for an event.</summary>
    Waiting,

    /// <summary>The service executed the attempt or step.</summary>
    Executing,
}
