using DurableGateway.Tests.Support;

namespace DurableGateway.Benchmarks;

/// <summary>The processes of a run, each started when the first scenario asks for it.</summary>
internal sealed class Site(Options options, IReadOnlyList<Build> builds) : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _started = [];
    private readonly Dictionary<(Build, Store, bool), Gateway> _gateways = [];
    private (Uri Url, ServerProcess Process)? _service;
    private (Uri Url, ServerProcess Process)? _yarp;
    private (Nginx? Server, string? Reason)? _nginx;
    private (RestateServer? Server, string? Reason)? _restate;

    public Options Options => options;
    public Rounds Rounds { get; } = new(options);

    /// <summary>Why there is no Redis here; <see langword="null"/> where there is.</summary>
    public static string? NoRedis => RedisServer.Missing;

    public async Task<(Uri Url, ServerProcess Process)> ServiceAsync() => _service ??= await StartOwnAsync("--serve");

    public async Task<(Uri Url, ServerProcess Process)> YarpAsync() =>
        _yarp ??= await StartOwnAsync("--proxy", $"{(await ServiceAsync()).Url}");

    /// <summary>One for each build that is compared.</summary>
    public Task<IReadOnlyList<Gateway>> GatewaysAsync(params Store[] stores) => GatewaysAsync(hasEgress: false, stores);

    /// <summary>With an egress listener, if that is asked for.</summary>
    public async Task<IReadOnlyList<Gateway>> GatewaysAsync(bool hasEgress, params Store[] stores)
    {
        var gateways = new List<Gateway>();
        foreach (var store in stores.Where(store => store == Store.Embedded || NoRedis is null))
        {
            foreach (var build in builds)
            {
                if (!_gateways.TryGetValue((build, store, hasEgress), out var gateway))
                {
                    gateway = await Gateway.StartAsync(build, store, (await ServiceAsync()).Url, !options.Counts, hasEgress);
                    _gateways[(build, store, hasEgress)] = gateway;
                    _started.Add(gateway);
                }

                gateways.Add(gateway);
            }
        }

        return gateways;
    }

    /// <returns>nginx, or why there is none.</returns>
    public async Task<(Nginx? Server, string? Reason)> NginxAsync()
    {
        if (_nginx is { } known) return known;
        _nginx = await Nginx.StartAsync((await ServiceAsync()).Url);
        if (_nginx.Value.Server is { } server) _started.Add(server);
        return _nginx.Value;
    }

    /// <returns>Restate, or why there is none.</returns>
    public async Task<(RestateServer? Server, string? Reason)> RestateAsync()
    {
        if (_restate is { } known) return known;
        _restate = await RestateServer.StartAsync();
        if (_restate.Value.Server is { } server) _started.Add(server);
        return _restate.Value;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var started in Enumerable.Reverse(_started)) await started.DisposeAsync();
    }

    public static async Task AwaitAsync(Uri url, ServerProcess process)
    {
        using var client = new HttpClient();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        for (var tries = 0; tries < 6000 && !process.HasExited; tries++)
        {
            try
            {
                using var answer = await client.GetAsync(url);
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
                // Not up yet.
            }

            await timer.WaitForNextTickAsync();
        }

        throw new TimeoutException($"{url} did not come up.");
    }

    private async Task<(Uri Url, ServerProcess Process)> StartOwnAsync(string role, params string[] args)
    {
        var port = FreePort.Next();
        var process = ServerProcess.StartDotnet(typeof(Site).Assembly.Location, [role, $"{port}", .. args], !options.Counts);
        _started.Add(process);
        var url = new Uri($"http://127.0.0.1:{port}");
        await AwaitAsync(new Uri(url, "/x"), process);
        return (url, process);
    }
}
