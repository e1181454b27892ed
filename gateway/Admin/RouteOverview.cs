namespace DurableGateway.Admin;

/// <param name="Route">The id of the route.</param>
/// <param name="Policy">The name of its policy; <see langword="null"/> if the route is not durable.</param>
/// <param name="Cluster">The id of its cluster.</param>
/// <param name="Destinations">The address and health of each destination.</param>
/// <param name="Minutes">The last sixty minutes, oldest first.</param>
/// <param name="Calls">How calls of services on the route are treated; <see langword="null"/> for a route of the public listener.</param>
internal sealed record RouteOverview(
    string Route, string? Policy, string? Cluster, IReadOnlyList<(string Address, string Health)> Destinations,
    IReadOnlyList<MinuteCounts> Minutes, CallTreatment? Calls = null)
{
    /// <summary>The calls of the last hour that belonged to no run.</summary>
    public long Unbound => Minutes.Sum(minute => minute.Unbound);
}
