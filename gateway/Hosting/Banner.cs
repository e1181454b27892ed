using System.Text;
using DurableGateway.Cli;
using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Storage;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy;

namespace DurableGateway.Hosting;

/// <summary>The text that the gateway prints once, at the start.</summary>
internal static class Banner
{
    /// <summary>The output of <c>--version</c>.</summary>
    public static string Version =>
        $"Durable Gateway {Instruments.Version} (wire contract v{DurableHeaders.ProtocolVersion}, store "
        + $"format {StoreKeys.Format}, .NET {Environment.Version})";

    public static void Print(WebApplication app) => Console.WriteLine(Text(app.Services));

    internal static string Text(IServiceProvider services)
    {
        var settings = services.GetRequiredService<GatewaySettings>();
        var line = services.GetRequiredService<StartOptions>();
        var policies = services.GetRequiredService<PolicyRegistry>();
        var addresses = services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.ToArray();
        var store = settings.IsEmbedded
            ? $"embedded, in {settings.DataDirectory}"
            : StoreAddress.Format(settings.StoreConnectionString!);
        var text = new StringBuilder()
            .AppendLine($"Durable Gateway {Instruments.Version}")
            .AppendLine($"  public     {addresses[0]}")
            .AppendLine($"  control    {addresses[^1]}")
            .AppendLine($"  dashboard  {HealthCheck.Reach(BindingAddress.Parse(addresses[^1]))}")
            .AppendLine($"  store      {store}");
        foreach (var route in services.GetRequiredService<IProxyStateLookup>().GetRoutes())
        {
            var match = route.Config.Match;
            var hosts = match.Hosts is { Count: > 0 } names ? string.Join(',', names) : "";
            text.AppendLine(
                $"  route      {route.Config.RouteId}: {hosts}/{match.Path?.TrimStart('/') ?? "**"} → "
                + $"{Target(line, route.Config)} ({Policy(policies, route.Config)})");
        }

        return text.ToString().TrimEnd();
    }

    /// <summary>
    /// For the route of <c>--upstream</c>: its address, and the <c>Host</c> that the service gets. For other routes: the cluster.
    /// </summary>
    private static string Target(StartOptions line, Yarp.ReverseProxy.Configuration.RouteConfig route) =>
        line.Upstream is null ? $"{route.ClusterId}"
        : $"{line.Upstream}, Host: {(line.UpstreamHost == UpstreamHost.Original ? "the client's" : new Uri(line.Upstream).Authority)}";

    private static string Policy(PolicyRegistry policies, Yarp.ReverseProxy.Configuration.RouteConfig route) =>
        policies.Find(route) is { } policy ? $"durable, policy {policy.Name}" : "plain";
}
