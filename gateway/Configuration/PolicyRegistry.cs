using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using DurableGateway.Runs;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Configuration;

/// <summary>The named policies in use, and the policy of each route.</summary>
internal sealed class PolicyRegistry(GatewaySettings settings)
{
    private volatile Snapshot _current = new(settings.Policies);

    /// <summary>The policy of the route; <see langword="null"/> if the route is plain YARP.</summary>
    public RunPolicy? For(RouteModel route)
    {
        var snapshot = _current;
        return snapshot.ByRoute.GetValue(route, key => new Holder(snapshot.Find(key.Config))).Policy;
    }

    public RunPolicy? Find(RouteConfig route) => _current.Find(route);

    /// <summary>
    /// Applies changed policies. A removed policy stays until YARP has changed its routes, so that requests in between still find it.
    /// </summary>
    public void Use(ImmutableDictionary<string, RunPolicy> policies) => _current = new Snapshot(_current.Policies.SetItems(policies));

    private sealed record Holder(RunPolicy? Policy);

    private sealed class Snapshot(ImmutableDictionary<string, RunPolicy> policies)
    {
        public ImmutableDictionary<string, RunPolicy> Policies => policies;

        public ConditionalWeakTable<RouteModel, Holder> ByRoute { get; } = [];

        public RunPolicy? Find(RouteConfig route) =>
            route.Metadata?.GetValueOrDefault(RouteChecks.PolicyMetadata) is { } name ? policies.GetValueOrDefault(name) : null;
    }
}
