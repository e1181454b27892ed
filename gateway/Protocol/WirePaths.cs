namespace DurableGateway.Protocol;

/// <summary>The paths of the protocol. Each ends in a slash. The id of a run or a callback follows.</summary>
internal static class WirePaths
{
    /// <summary>The prefix of all paths of the gateway itself.</summary>
    public const string Reserved = "/_durable/";

    /// <summary>For clients, on the public listener (§5).</summary>
    public const string Results = Reserved + "v1/results/";

    /// <summary>For third parties, on the public listener (§6).</summary>
    public const string Callbacks = Reserved + "v1/callbacks/";

    /// <summary>For services, on the control listener (§3). Events that an SDK sends have it as their source.</summary>
    public const string Runs = Reserved + "v1/runs/";
}
