using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Configuration;

namespace DurableGateway.Proxy;

/// <summary>
/// The endpoints of YARP's routes. Reading them takes no lock. YARP creates its endpoints on first use and announces them while it holds
/// its lock, but routing reads them while it holds its own lock. A first request and a first replay at the same moment would wait for each
/// other for ever. This source creates the endpoints at startup, and announces a change after YARP has applied it and left its lock.
/// </summary>
internal sealed class RouteEndpointSource : EndpointDataSource, IConfigChangeListener
{
    private static readonly EndpointDataSource None = new DefaultEndpointDataSource();

    private readonly Lock _refreshing = new();
    private EndpointDataSource _routes = None;
    private volatile Snapshot _current = new([], new CancellationTokenSource());

    public override IReadOnlyList<Endpoint> Endpoints => _current.Endpoints;

    public override IChangeToken GetChangeToken() => _current.Token;

    /// <param name="routes">YARP's source, to which all conventions have been added.</param>
    public void Follow(EndpointDataSource routes)
    {
        _routes = routes;
        Refresh();
    }

    public void ConfigurationApplied(IReadOnlyList<IProxyConfig> proxyConfigs) => Refresh();

    public void ConfigurationLoaded(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
    }

    public void ConfigurationLoadingFailed(IProxyConfigProvider configProvider, Exception exception)
    {
    }

    public void ConfigurationApplyingFailed(IReadOnlyList<IProxyConfig> proxyConfigs, Exception exception)
    {
    }

    private void Refresh()
    {
        lock (_refreshing)
        {
            var endpoints = _routes.Endpoints;
            var former = _current;
            if (ReferenceEquals(endpoints, former.Endpoints)) return;
            _current = new Snapshot(endpoints, new CancellationTokenSource());
            former.Change.Cancel();
        }
    }

    /// <summary>Endpoints, and the source of the token that fires when others replace them.</summary>
    private sealed record Snapshot(IReadOnlyList<Endpoint> Endpoints, CancellationTokenSource Change)
    {
        public IChangeToken Token { get; } = new CancellationChangeToken(Change.Token);
    }
}
