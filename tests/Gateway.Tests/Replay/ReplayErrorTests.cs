using System.Net;
using DurableGateway.Tests.Support;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Tests.Replay;

/// <summary>Errors in the gateway itself while no client waits.</summary>
public sealed class ReplayErrorTests
{
    [Fact]
    public async Task ErrorOfTheGateway_CountsAsAFailedAttempt()
    {
        await using var service = await TestService.StartAsync((context, _) =>
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return Task.CompletedTask;
        });
        var replays = 0;
        await using var gateway = await GatewayHost.StartAsync(service.Url, builder =>
        {
            var route = new RouteModel(new RouteConfig { RouteId = "upstream" }, null, HttpTransformer.Default);
            var broken = new RouteEndpoint(_ => throw new InvalidOperationException($"Replay {++replays}."),
                RoutePatternFactory.Parse("{**path}"), 0, new EndpointMetadataCollection(route), "broken");

            // Replays use this data source. Live requests are matched elsewhere.
            builder.Services.Replace(ServiceDescriptor.Singleton<EndpointDataSource>(new DefaultEndpointDataSource(broken)));
        }, "Durable:Policies:default:Retry:MaxAttempts=3");

        using var answer = await gateway.Follower.GetAsync("/orders");

        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.Contains("gateway-failed", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal((1, 2), (service.Seen.Count, replays));
    }
}
