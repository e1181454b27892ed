namespace DurableGateway.Runs;

/// <summary>The state of a run. The last three states are final.</summary>
internal enum RunState
{
    /// <summary>An attempt is in flight under a lease.</summary>
    Running,

    /// <summary>The run is parked until it is due: a retry is scheduled, or a step waits.</summary>
    Waiting,

    /// <summary>The service answered. Its response is the run's result.</summary>
    Completed,

    /// <summary>The run failed permanently. The last response, or a problem, is its result.</summary>
    Failed,

    /// <summary>A client or an operator cancelled the run.</summary>
    Cancelled,
}
