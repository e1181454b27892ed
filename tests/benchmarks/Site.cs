using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace DurableGateway.Benchmarks;

/// <summary>A service, and a gateway in front of it with the same service behind a plain and a durable route.</summary>
internal sealed class Site : IAsyncDisposable
{
    private readonly List<Process> _processes = [];
    private readonly string _directory = Directory.CreateTempSubdirectory("durable-gateway-bench-").FullName;

    public required Uri Service { get; init; }
    public required Uri Gateway { get; init; }

    /// <summary>A YARP with nothing of ours.</summary>
    public required Uri Proxy { get; init; }

    public static async Task<Site> StartAsync()
    {
        int service = FreePort(), gateway = FreePort(), control = FreePort(), proxy = FreePort();
        var site = new Site
        {
            Service = new Uri($"http://127.0.0.1:{service}"),
            Gateway = new Uri($"http://127.0.0.1:{gateway}"),
            Proxy = new Uri($"http://127.0.0.1:{proxy}")
        };
        site.Start("Benchmarks.dll", "--serve", $"{service}");
        site.Start("Benchmarks.dll", "--proxy", $"{proxy}", $"{site.Service}");
        site.Start("gateway.dll",
            $"--Durable:Listeners:Public=http://127.0.0.1:{gateway}",
            $"--Durable:Listeners:Control=http://127.0.0.1:{control}",
            $"--Durable:Store:DataDirectory={site._directory}",
            "--Durable:Policies:default:Retry:Delay=00:00:00.020",
            "--Durable:Policies:default:Retry:Jitter=false",
            "--Logging:LogLevel:DurableGateway=Warning",
            "--ReverseProxy:Routes:plain:ClusterId=service",
            "--ReverseProxy:Routes:plain:Match:Path=/plain/{**rest}",
            "--ReverseProxy:Routes:durable:ClusterId=service",
            "--ReverseProxy:Routes:durable:Match:Path=/durable/{**rest}",
            "--ReverseProxy:Routes:durable:Metadata:Durable.Policy=default",
            $"--ReverseProxy:Clusters:service:Destinations:one:Address={site.Service}");
        using var client = new HttpClient();
        foreach (var address in new[] { new Uri(site.Service, "/"), new Uri(site.Proxy, "/"),
            new Uri($"http://127.0.0.1:{control}/readyz") })
            await AwaitAsync(client, address);
        return site;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }

        Directory.Delete(_directory, recursive: true);
    }

    private void Start(string assembly, params string[] args) =>
        _processes.Add(Process.Start(new ProcessStartInfo("dotnet",
            [Path.Combine(AppContext.BaseDirectory, assembly), .. args])
        { RedirectStandardOutput = true })!);

    private static async Task AwaitAsync(HttpClient client, Uri address)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var tries = 0; tries < 400; tries++)
        {
            try
            {
                using var answer = await client.GetAsync(address);
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
                // Not up yet.
            }

            await timer.WaitForNextTickAsync();
        }

        throw new TimeoutException($"{address} did not come up.");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
