namespace DurableGateway.Admin;

/// <param name="Route">Its id.</param>
/// <param name="Policy">Its policy; <see langword="null"/> where it is plain.</param>
/// <param name="Cluster">Its cluster.</param>
/// <param name="Destinations">Address and health of each destination.</param>
/// <param name="Minutes">The last sixty minutes, the oldest first.</param>
internal sealed record RouteOverview(
    string Route, string? Policy, string? Cluster, IReadOnlyList<(string Address, string Health)> Destinations,
    IReadOnlyList<MinuteCounts> Minutes);
