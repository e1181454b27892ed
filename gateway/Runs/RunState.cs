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

internal static class RunStates
{
    public static bool HasEnded(this RunState state) => state is RunState.Completed or RunState.Failed or RunState.Cancelled;

    /// <summary>The name on the wire and in the store.</summary>
    public static string Name(this RunState state) => state switch
    {
        RunState.Running => "running",
        RunState.Waiting => "waiting",
        RunState.Completed => "completed",
        RunState.Failed => "failed",
        RunState.Cancelled => "cancelled",
        _ => throw new ArgumentOutOfRangeException(nameof(state)),
    };

    public static bool TryParse(string? name, out RunState state)
    {
        (var known, state) = name switch
        {
            "running" => (true, RunState.Running),
            "waiting" => (true, RunState.Waiting),
            "completed" => (true, RunState.Completed),
            "failed" => (true, RunState.Failed),
            "cancelled" => (true, RunState.Cancelled),
            _ => (false, default),
        };
        return known;
    }
}
