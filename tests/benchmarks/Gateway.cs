using System.Diagnostics;
using DurableGateway.Tests.Support;

namespace DurableGateway.Benchmarks;

/// <summary>One gateway with a store of its own, in front of the service.</summary>
internal sealed class Gateway : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("durable-bench-").FullName;
    private readonly int _public = FreePort.Next();
    private readonly int _control = FreePort.Next();
    private readonly Build _build;
    private readonly Uri _service;
    private readonly bool _isTiered;
    private readonly RedisServer? _server;
    private ServerProcess? _process;

    private Gateway(Build build, Store store, Uri service, bool isTiered, RedisServer? server)
    {
        _build = build;
        _service = service;
        _isTiered = isTiered;
        _server = server;
        Name = store switch
        {
            Store.EverySec => "Redis everysec",
            Store.Always => "Redis always",
            _ => "embedded",
        } + build.Suffix;
    }

    public string Name { get; }
    public ServerProcess Process => _process ?? throw new InvalidOperationException("The gateway is stopped.");
    public RedisCounters? Redis { get; private set; }
    public TimeSpan StartedIn { get; private set; }

    public static async Task<Gateway> StartAsync(Build build, Store store, Uri service, bool isTiered)
    {
        var server = store == Store.Embedded ? null : await RedisServer.StartAsync(
            "--appendonly", "yes", "--appendfsync", store == Store.Always ? "always" : "everysec");
        var gateway = new Gateway(build, store, service, isTiered, server);
        if (server is not null) gateway.Redis = await RedisCounters.ConnectAsync(server);
        await gateway.StartAgainAsync();
        return gateway;
    }

    /// <param name="route">One of <c>plain</c>, <c>durable</c>, <c>onstart</c>.</param>
    public Uri On(string route, string path) => new($"http://127.0.0.1:{_public}/{route}/{path}");

    public Uri Result(Uri location) => new(new Uri($"http://127.0.0.1:{_public}"), location);

    public async Task StartAgainAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
        var began = Stopwatch.GetTimestamp();
        _process = ServerProcess.StartDotnet(_build.Assembly,
        [
            $"--Durable:Listeners:Public=http://127.0.0.1:{_public}",
            $"--Durable:Listeners:Control=http://127.0.0.1:{_control}",
            _server is null
                ? $"--Durable:Store:DataDirectory={_directory}"
                : $"--Durable:Store:ConnectionString={_server.ConnectionString}",
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
        ], _isTiered);
        await Site.AwaitAsync(new Uri($"http://127.0.0.1:{_control}/readyz"), _process);
        StartedIn = Stopwatch.GetElapsedTime(began);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
        if (Redis is not null) await Redis.DisposeAsync();
        if (_server is not null) await _server.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
