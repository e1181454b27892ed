using System.Diagnostics;
using DurableGateway.Tests.Support;

namespace DurableGateway.Benchmarks;

/// <summary>One gateway with a store of its own, in front of the service.</summary>
internal sealed class Gateway : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("durable-bench-").FullName;
    private readonly int _public = FreePort.Next();
    private readonly int _control = FreePort.Next();
    private readonly int? _egress;
    private readonly Build _build;
    private readonly Uri _service;
    private readonly bool _isTiered;
    private readonly string? _connection;
    private readonly IAsyncDisposable? _store;
    private ServerProcess? _process;

    private Gateway(Build build, Store store, Uri service, bool isTiered, bool hasEgress, IAsyncDisposable? started, string? connection)
    {
        _egress = hasEgress ? FreePort.Next() : null;
        _build = build;
        _service = service;
        _isTiered = isTiered;
        _store = started;
        _connection = connection;
        Name = store switch
        {
            Store.EverySec => "Redis everysec",
            Store.Always => "Redis always",
            Store.Cluster => "Redis Cluster of 3",
            _ => "embedded",
        } + build.Suffix;
    }

    public string Name { get; }
    public ServerProcess Process => _process ?? throw new InvalidOperationException("The gateway is stopped.");

    /// <summary>The counters of the single Redis.</summary>
    public RedisCounters? Redis => Servers.Count == 1 ? Servers[0] : null;

    /// <summary>The counters of each server of the store; none of the embedded store.</summary>
    public IReadOnlyList<RedisCounters> Servers { get; private set; } = [];
    public TimeSpan StartedIn { get; private set; }

    /// <param name="build">The build.</param>
    /// <param name="store">The store.</param>
    /// <param name="service">The service behind every route.</param>
    /// <param name="isTiered">Whether the compiler is as in production.</param>
    /// <param name="hasEgress">Whether calls of services are remembered. Each attempt then also gets the tokens for its calls.</param>
    public static async Task<Gateway> StartAsync(Build build, Store store, Uri service, bool isTiered, bool hasEgress)
    {
        var cluster = store == Store.Cluster ? await RedisCluster.StartAsync(configuration: "--appendonly yes") : null;
        var single = store is Store.Embedded or Store.Cluster ? null : await RedisServer.StartAsync(
            "--appendonly", "yes", "--appendfsync", store == Store.Always ? "always" : "everysec");
        var servers = cluster?.Servers ?? (single is null ? [] : [single]);
        var gateway = new Gateway(build, store, service, isTiered, hasEgress, (IAsyncDisposable?)cluster ?? single,
            cluster?.ConnectionString ?? single?.ConnectionString);
        gateway.Servers = await Task.WhenAll(servers.Select(RedisCounters.ConnectAsync));
        await gateway.StartAgainAsync();
        return gateway;
    }

    /// <param name="route">One of <c>plain</c>, <c>durable</c>, <c>onstart</c>.</param>
    public Uri On(string route, string path) => new($"http://127.0.0.1:{_public}/{route}/{path}");

    /// <summary>The address for a call of the service that is remembered.</summary>
    public Uri OnEgress(string path) => new($"http://127.0.0.1:{_egress}/remembered/{path}");

    public Uri Result(Uri location) => new(new Uri($"http://127.0.0.1:{_public}"), location);

    /// <summary>Lists runs as an operator does. The index is then up to date.</summary>
    public async Task ListRunsAsync()
    {
        using var client = new HttpClient();
        await client.GetStringAsync(new Uri($"http://127.0.0.1:{_control}/_durable/v1/admin/runs?state=running&limit=1"));
    }

    public async Task StartAgainAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
        var began = Stopwatch.GetTimestamp();
        _process = ServerProcess.StartDotnet(_build.Assembly,
        [
            $"--Durable:Listeners:Public=http://127.0.0.1:{_public}",
            $"--Durable:Listeners:Control=http://127.0.0.1:{_control}",
            _connection is null
                ? $"--Durable:Store:DataDirectory={_directory}"
                : $"--Durable:Store:ConnectionString={_connection}",
            "--Durable:Policies:default:Retry:Delay=00:00:00.020",
            "--Durable:Policies:default:Retry:Jitter=false",
            "--Durable:Policies:onstart:Persist=OnStart",
            "--Logging:LogLevel:DurableGateway=Warning",
            "--ReverseProxy:Routes:plain:ClusterId=service",
            "--ReverseProxy:Routes:plain:Match:Path=/plain/{**rest}",
            "--ReverseProxy:Routes:durable:ClusterId=service",
            "--ReverseProxy:Routes:durable:Match:Path=/durable/{**rest}",
            "--ReverseProxy:Routes:durable:Metadata:Durable.Policy=default",
            "--ReverseProxy:Routes:onstart:ClusterId=service",
            "--ReverseProxy:Routes:onstart:Match:Path=/onstart/{**rest}",
            "--ReverseProxy:Routes:onstart:Metadata:Durable.Policy=onstart",
            $"--ReverseProxy:Clusters:service:Destinations:one:Address={_service}",
            .. _egress is null ? Array.Empty<string>() :
            [
                $"--Durable:Listeners:Egress=http://127.0.0.1:{_egress}",
                "--ReverseProxy:Routes:remembered:ClusterId=service",
                "--ReverseProxy:Routes:remembered:Match:Path=/remembered/{**rest}",
                "--ReverseProxy:Routes:remembered:Metadata:Durable.Step=Remember",
            ],
        ], _isTiered);
        await Site.AwaitAsync(new Uri($"http://127.0.0.1:{_control}/readyz"), _process);
        StartedIn = Stopwatch.GetElapsedTime(began);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
        foreach (var server in Servers) await server.DisposeAsync();
        if (_store is not null) await _store.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
