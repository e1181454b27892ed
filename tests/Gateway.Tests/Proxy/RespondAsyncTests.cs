using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy;

/// <summary><c>Prefer: respond-async</c> (§5): the request is stored, and answered at once.</summary>
public sealed class RespondAsyncTests
{
    [Fact]
    public async Task IsAnswered202_BeforeTheServiceHasAnswered_AndTheResultIsAtItsLocation()
    {
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            await goOn.Task;
            await context.Response.WriteAsync("later");
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        using var accepted = await PostAsync(gateway, "respond-async");
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        Assert.Equal("respond-async", accepted.Headers.GetValues("Preference-Applied").Single());
        goOn.SetResult();
        Assert.Equal("later", await gateway.Follower.GetStringAsync(accepted.Headers.Location));
        var seen = Assert.Single(service.Seen);
        Assert.Equal("1", seen["Durable-Attempt"]);
        Assert.Equal("order"u8.ToArray(), seen.Body);
    }

    [Fact]
    public async Task WithAnIdempotencyKey_IsOneRun()
    {
        await using var service = await TestService.StartAsync((context, count) => context.Response.WriteAsync($"{count}"));
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        using var accepted = await PostAsync(gateway, "respond-async, wait=5", "k");
        Assert.Equal("1", await gateway.Follower.GetStringAsync(accepted.Headers.Location));
        using var again = await PostAsync(gateway, "respond-async", "k");
        Assert.Equal("1", await again.Content.ReadAsStringAsync());
        Assert.Single(service.Seen);
    }

    [Fact]
    public async Task TooLargeToBeStored_IsProxiedAsAnyOther()
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("now"));
        await using var gateway = await GatewayHost.StartAsync(service.Url, "Durable:Policies:default:MaxRequestBytes=2");
        using var answer = await PostAsync(gateway, "respond-async");
        Assert.Equal("now", await answer.Content.ReadAsStringAsync());
        Assert.Equal("not-durable", answer.Headers.GetValues("Durable-Status").Single());
    }

    private static async Task<HttpResponseMessage> PostAsync(GatewayHost gateway, string prefer, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/pay") { Content = new StringContent("order") };
        request.Headers.Add("Prefer", prefer);
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        return await gateway.Client.SendAsync(request);
    }
}
