namespace DurableGateway.Admin.Json;

internal sealed record RouteJson(
    string Route, string? Policy, string? Cluster, IReadOnlyList<DestinationJson> Destinations, IReadOnlyList<MinuteJson> Minutes,
    LatencyJson Latency, string? Calls)
{
    public static RouteJson From(RouteOverview route) => new(
        route.Route, route.Policy, route.Cluster,
        [.. route.Destinations.Select(destination => new DestinationJson(destination.Address, destination.Health))],
        [.. route.Minutes.Select(MinuteJson.From)],
        LatencyJson.From(LatencyHistogram.Merge(route.Minutes.Select(minute => minute.Latency))),
        route.Calls?.ToString().ToLowerInvariant());
}
