using DurableGateway.Configuration;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Admin;

/// <summary>Reads the routes with their configuration, health and counts.</summary>
internal sealed class RouteViewReader(IProxyStateLookup proxy, PolicyRegistry policies, RouteCounter counts, TimeProvider time)
{
    public async Task<IReadOnlyList<RouteOverview>> GetAsync()
    {
        var known = await counts.GetAsync();
        return
        [
            .. proxy.GetRoutes().Where(route => route.Config.RouteId != ForwardRoutes.Any)
                .OrderBy(route => route.Config.Order ?? 0).ThenBy(route => route.Config.RouteId,
                StringComparer.Ordinal).Select(route =>
                new RouteOverview(
                    route.Config.RouteId, policies.For(route)?.Name ?? route.Config.Metadata?.GetValueOrDefault(RouteChecks.PolicyMetadata),
                    route.Cluster?.ClusterId,
                    Destinations(route.Cluster),
                    known.Contains(route.Config.RouteId) ? [.. known[route.Config.RouteId]] : RouteCounter.Nothing(time.GetUtcNow()),
                    StepRules.For(route) is { } rules ? rules.Remembers ? CallTreatment.Remember : CallTreatment.Pass : null)),
        ];
    }

    private static IReadOnlyList<(string Address, string Health)> Destinations(ClusterState? cluster) =>
        [.. (cluster?.DestinationsState.AllDestinations ?? []).Select(destination =>
            (destination.Model.Config.Address, Health(destination.Health)))];

    private static string Health(DestinationHealthState health) =>
        health.Active == DestinationHealth.Unhealthy || health.Passive == DestinationHealth.Unhealthy ? "unhealthy"
        : health.Active == DestinationHealth.Healthy || health.Passive == DestinationHealth.Healthy ? "healthy" : "unknown";
}
