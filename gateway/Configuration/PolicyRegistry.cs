using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using DurableGateway.Runs;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Configuration;

/// <summary>The named policies in force, and which of them a route has.</summary>
internal sealed class PolicyRegistry(GatewaySettings settings)
{
    private volatile Snapshot _current = new(settings.Policies);

    /// <summary>The policy of the route, or <see langword="null"/> where it is plain YARP.</summary>
    public RunPolicy? For(RouteModel route)
    {
        var snapshot = _current;
        return snapshot.ByRoute.GetValue(route, key => new Holder(snapshot.Find(key.Config))).Policy;
    }

    public RunPolicy? Find(RouteConfig route) => _current.Find(route);

    /// <summary>
    /// Takes changed policies. One that is gone stays for the routes that YARP has yet to change: no request falls in between.
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
