namespace DurableGateway.Admin.Json;

internal sealed record RouteJson(
    string Route, string? Policy, string? Cluster, IReadOnlyList<DestinationJson> Destinations, IReadOnlyList<MinuteJson> Minutes,
    string? Calls)
{
    public static RouteJson From(RouteOverview route) => new(
        route.Route, route.Policy, route.Cluster,
        [.. route.Destinations.Select(destination => new DestinationJson(destination.Address, destination.Health))],
        [.. route.Minutes.Select(minute =>
            new MinuteJson(minute.Minute, minute.Started, minute.Completed, minute.Failed, minute.LatencyMilliseconds, minute.Unbound))],
        route.Calls?.ToString().ToLowerInvariant());
}
