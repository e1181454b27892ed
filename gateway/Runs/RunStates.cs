namespace DurableGateway.Runs;

internal static class RunStates
{
    public static bool HasEnded(this RunState state) => state is RunState.Completed or RunState.Failed or RunState.Cancelled;

    /// <summary>The name in the protocol and in the store.</summary>
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
