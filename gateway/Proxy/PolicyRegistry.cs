using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using DurableGateway.Configuration;
using DurableGateway.Runs;
using DurableGateway.Telemetry;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Proxy;

/// <summary>The named policies in force, and which of them a route has. Follows the configuration as it changes.</summary>
internal sealed class PolicyRegistry : IDisposable
{
    private readonly IDisposable _subscription;
    private volatile Snapshot _current;

    public PolicyRegistry(GatewaySettings settings, IConfiguration configuration, ILogger<PolicyRegistry> log)
    {
        _current = new Snapshot(settings.Policies);
        _subscription = ChangeToken.OnChange(configuration.GetReloadToken, () =>
        {
            try
            {
                _current = new Snapshot(SettingsBinder.Bind(configuration).Policies);
            }
            catch (ConfigurationException e)
            {
                log.ReloadRefused(e.Message);
            }
        });
    }

    /// <summary>The policy of the route, or <see langword="null"/> where it is plain YARP.</summary>
    public RunPolicy? For(RouteModel route)
    {
        var snapshot = _current;
        return snapshot.ByRoute.GetValue(route, key => new Holder(snapshot.Find(key.Config))).Policy;
    }

    public RunPolicy? Find(RouteConfig route) => _current.Find(route);

    public void Dispose() => _subscription.Dispose();

    private sealed record Holder(RunPolicy? Policy);

    private sealed class Snapshot(ImmutableDictionary<string, RunPolicy> policies)
    {
        public ConditionalWeakTable<RouteModel, Holder> ByRoute { get; } = [];

        public RunPolicy? Find(RouteConfig route) =>
            route.Metadata?.GetValueOrDefault(RouteChecks.PolicyMetadata) is { } name ? policies.GetValueOrDefault(name) : null;
    }
}
