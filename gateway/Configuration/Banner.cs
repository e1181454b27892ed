using System.Text;
using DurableGateway.Proxy;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy;

namespace DurableGateway.Configuration;

/// <summary>What is said once, on start.</summary>
internal static class Banner
{
    public static void Print(WebApplication app) => Console.WriteLine(Text(app.Services));

    internal static string Text(IServiceProvider services)
    {
        var settings = services.GetRequiredService<GatewaySettings>();
        var policies = services.GetRequiredService<PolicyRegistry>();
        var addresses = services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.ToArray();
        var store = settings.IsEmbedded
            ? $"embedded, in {settings.DataDirectory}"
            : string.Join(", ", StackExchange.Redis.ConfigurationOptions.Parse(settings.StoreConnectionString!).EndPoints);
        var text = new StringBuilder()
            .AppendLine("Durable Gateway")
            .AppendLine($"  public     {addresses[0]}")
            .AppendLine($"  control    {addresses[^1]}")
            .AppendLine($"  store      {store}");
        foreach (var route in services.GetRequiredService<IProxyStateLookup>().GetRoutes())
        {
            var match = route.Config.Match;
            var hosts = match.Hosts is { Count: > 0 } names ? string.Join(',', names) : "";
            text.AppendLine($"  route      {route.Config.RouteId}: {hosts}/{match.Path?.TrimStart('/') ?? "**"} → {route.Config.ClusterId} ({Policy(policies, route.Config)})");
        }

        return text.ToString().TrimEnd();
    }

    private static string Policy(PolicyRegistry policies, Yarp.ReverseProxy.Configuration.RouteConfig route) =>
        policies.Find(route) is { } policy ? $"durable, policy {policy.Name}" : "plain";
}
