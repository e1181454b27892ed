using System.Net;
using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.EndToEnd;

/// <summary>The main road: a request fails, is redirected, replayed, and its response comes home.</summary>
public sealed class ComesHomeTests
{
    [Fact]
    public async Task FailedRequest_ClientFollowsRedirect_GetsTheVeryResponse()
    {
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            if (count < 3)
            {
                context.Response.StatusCode = 503;
                return;
            }

            context.Response.StatusCode = 201;
            context.Response.Headers.Append("X-Twice", "a");
            context.Response.Headers.Append("X-Twice", "b");
            context.Response.ContentType = "text/plain";
            await context.Response.WriteAsync("done");
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url);

        using var request = new HttpRequestMessage(HttpMethod.Post, "/orders?x=%20y")
        {
            Content = new StringContent("ä body", Encoding.UTF8, "text/plain")
        };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer secret");
        using var response = await gateway.Follower.SendAsync(request);

        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        Assert.Equal("done", await response.Content.ReadAsStringAsync());
        Assert.Equal(["a", "b"], response.Headers.GetValues("X-Twice"));
        Assert.Equal("completed", response.Headers.GetValues("Durable-Status").Single());
        Assert.Equal(3, service.Seen.Count);
        Assert.All(service.Seen, seen =>
        {
            Assert.Equal("POST", seen.Method);
            Assert.Equal("/orders?x=%20y", seen.Target);
            Assert.Equal("Bearer secret", seen["Authorization"]);
            Assert.Equal("ä body", Encoding.UTF8.GetString(seen.Body));
        });
        Assert.Equal(["1", "2", "3"], service.Seen.Select(seen => seen["Durable-Attempt"]));
    }

    [Fact]
    public async Task Success_WhileTheClientWaits_IsTheServicesResponseAndTouchesNoStore()
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("hello"));
        await using var gateway = await GatewayHost.StartAsync(service.Url);

        using var response = await gateway.Client.GetAsync("/");

        Assert.Equal("hello", await response.Content.ReadAsStringAsync());
        Assert.True(RunId.TryParse(response.Headers.GetValues("Durable-Run-Id").Single(), out var run));
        Assert.Null(await gateway.Store.GetSnapshotAsync(run));
    }
}
