namespace DurableGateway.Runs;

/// <summary>Where a run stands. The last three are final: nothing changes a run that has ended.</summary>
internal enum RunState
{
    /// <summary>An attempt is in flight, covered by a lease.</summary>
    Running,

    /// <summary>Parked until it is due: a retry is scheduled, or a step waits.</summary>
    Waiting,

    /// <summary>The service answered; its response is the run's result.</summary>
    Completed,

    /// <summary>Failed for good; the last response, or a problem, is the run's result.</summary>
    Failed,

    /// <summary>Cancelled by someone who may.</summary>
    Cancelled,
}
