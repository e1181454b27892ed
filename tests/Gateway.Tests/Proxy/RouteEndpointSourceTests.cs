using DurableGateway.Hosting;
using DurableGateway.Proxy;
using Microsoft.Extensions.Primitives;

namespace DurableGateway.Tests.Proxy;

/// <summary>Routing and the replay read the endpoints of routes without a lock of YARP's, which announces them while it holds it.</summary>
public sealed class RouteEndpointSourceTests
{
    [Fact]
    [Trait("Category", "Unit")]
    public async Task YarpAnnouncesWhileAnotherReads_NeitherWaitsForTheOther()
    {
        var routes = new LockingSource();
        var source = new RouteEndpointSource();
        source.Follow(routes);
        var first = new CompositeEndpointDataSource([source]);
        var second = new CompositeEndpointDataSource([source]);

        // The thread that holds YARP's lock waits for a reader, as it waits for the lock that a reader of another composite source holds.
        Assert.Empty(second.Endpoints);
        routes.Announcing = () => Task.Run(() => first.Endpoints).Wait(TimeSpan.FromSeconds(10));
        await Task.Run(() => routes.Set([Named("a")])).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(routes.HasFinished, "The reader waited for the lock.");

        source.ConfigurationApplied([]);
        Assert.Single(first.Endpoints);
        Assert.Single(second.Endpoints);
    }

    [Fact]
    [Trait("Category", "Unit")]
    public void Change_IsAnnouncedOnceItIsApplied()
    {
        var routes = new LockingSource();
        var source = new RouteEndpointSource();
        source.Follow(routes);
        var token = source.GetChangeToken();
        source.ConfigurationApplied([]);
        Assert.False(token.HasChanged);

        Endpoint[] endpoints = [Named("a")];
        routes.Set(endpoints);
        source.ConfigurationApplied([]);

        Assert.True(token.HasChanged);
        Assert.Same(endpoints, source.Endpoints);
        Assert.False(source.GetChangeToken().HasChanged);
    }

    [Fact]
    public async Task Gateway_HasNoSourceThatLocks()
    {
        await using var app = GatewayApp.Build(["--upstream", "http://127.0.0.1:1"]);
        var sources = ((IEndpointRouteBuilder)app).DataSources;

        Assert.Single(sources.OfType<RouteEndpointSource>());
        Assert.DoesNotContain(sources, source => source.GetType().Namespace!.StartsWith("Yarp.", StringComparison.Ordinal));
    }

    private static Endpoint Named(string name) => new(_ => Task.CompletedTask, EndpointMetadataCollection.Empty, name);

    /// <summary>As YARP's: endpoints are read under a lock, and a change is announced under the same lock.</summary>
    private sealed class LockingSource : EndpointDataSource
    {
        private readonly Lock _lock = new();
        private volatile Change _next = Change.Create();
        private IReadOnlyList<Endpoint> _endpoints = [];

        public Func<bool>? Announcing { get; set; }

        public bool HasFinished { get; private set; }

        public override IReadOnlyList<Endpoint> Endpoints
        {
            get
            {
                lock (_lock) return _endpoints;
            }
        }

        public override IChangeToken GetChangeToken() => _next.Token;

        public void Set(IReadOnlyList<Endpoint> endpoints)
        {
            lock (_lock)
            {
                _endpoints = endpoints;
                HasFinished = Announcing?.Invoke() ?? true;
                var former = _next;
                _next = Change.Create();
                former.Announce();
            }
        }
    }

    private sealed record Change(IChangeToken Token, Action Announce)
    {
        public static Change Create()
        {
            var source = new CancellationTokenSource();
            return new Change(new CancellationChangeToken(source.Token), source.Cancel);
        }
    }
}
