using DurableGateway.Hosting;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace DurableGateway.Tests.Support;

/// <summary>A gateway in this process, on real Kestrel and free ports, with a store of its own.</summary>
internal sealed class GatewayHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string _directory;

    private GatewayHost(WebApplication app, string directory)
    {
        _app = app;
        _directory = directory;
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToArray();
        Public = new Uri(addresses[0]);
        Control = new Uri(addresses[^1]);
        Egress = new Uri(addresses[^2]);
        Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = Public };
        Follower = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = Public };
    }

    public Uri Public { get; }
    public Uri Control { get; }

    /// <summary>Only if the settings have the listener.</summary>
    public Uri Egress { get; }

    /// <summary>Does not follow redirects.</summary>
    public HttpClient Client { get; }

    /// <summary>Follows redirects, as most clients do.</summary>
    public HttpClient Follower { get; }

    public IServiceProvider Services => _app.Services;
    public IRunStore Store => Services.GetRequiredService<IRunStore>();

    /// <param name="upstream">The service's URL.</param>
    /// <param name="settings">Configuration as on the command line: <c>Durable:Policies:default:Retry:Delay=00:00:00.050</c>.</param>
    public static Task<GatewayHost> StartAsync(string upstream, params string[] settings) => StartAsync(upstream, null, settings);

    public static async Task<GatewayHost> StartAsync(string upstream, Action<WebApplicationBuilder>? customize, params string[] settings)
    {
        var directory = Directory.CreateTempSubdirectory("durable-gateway-").FullName;
        string[] args =
        [
            "--upstream", upstream,
            "--Durable:Listeners:Public=http://127.0.0.1:0",
            "--Durable:Listeners:Control=http://127.0.0.1:0",
            $"--Durable:Store:DataDirectory={directory}",

            // Short delays, because tests wait for outcomes.
            "--Durable:Policies:default:Retry:Delay=00:00:00.020",
            "--Durable:Policies:default:Retry:Jitter=false",
            .. settings.Select(setting => "--" + setting),
        ];
        var app = GatewayApp.Build(args, builder =>
        {
            builder.Logging.ClearProviders();
            customize?.Invoke(builder);
        });
        await app.StartAsync();
        return new GatewayHost(app, directory);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Follower.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
