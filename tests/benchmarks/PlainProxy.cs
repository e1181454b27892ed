using System.Net;
using Yarp.ReverseProxy.Configuration;

namespace DurableGateway.Benchmarks;

/// <summary>YARP as its getting-started page has it: what somebody runs who does not have the gateway. It logs as the
/// gateway does: where there is a log, ASP.NET Core makes an activity of each request, and the client one of each call.</summary>
internal static class PlainProxy
{
    public static async Task RunAsync(int port, string upstream)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Services.AddReverseProxy().LoadFromMemory(
            [new RouteConfig { RouteId = "all", ClusterId = "service", Match = new RouteMatch { Path = "{**rest}" } }],
            [new ClusterConfig { ClusterId = "service",
                Destinations = new Dictionary<string, DestinationConfig> { ["one"] = new() { Address = upstream } } }]);
        var app = builder.Build();
        app.MapReverseProxy();
        await app.RunAsync();
    }
}
