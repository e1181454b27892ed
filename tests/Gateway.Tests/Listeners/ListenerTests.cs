using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Listeners;

/// <summary>The redirect that leads to a result (§5), and which listener serves what (§1).</summary>
public sealed class ListenerTests
{
    [Fact]
    public async Task Redirect_OfAFailedRequest_IsAsTheContractSays()
    {
        await using var world = await World.StartAsync("Durable:Policies:default:Retry:Delay=00:02:00");
        (await world.BeginAsync()).Answer(503, "secret", ("X-Own", "1"), ("Set-Cookie", "a=1"),
            ("Content-Type", "text/plain"), ("Content-Length", "6"));

        using var redirect = await world.LiveAnswerAsync();

        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        var run = redirect.Headers.GetValues("Durable-Run-Id").Single();
        Assert.StartsWith($"/_durable/v1/results/{run}?token=", redirect.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Equal(["120"], redirect.Headers.GetValues("Retry-After"));
        Assert.Equal(["no-store"], redirect.Headers.GetValues("Cache-Control"));
        Assert.Empty(await redirect.Content.ReadAsByteArrayAsync());
        Assert.False(redirect.Headers.Contains("X-Own") || redirect.Headers.Contains("Set-Cookie"));
    }

    [Theory]
    [InlineData("PUT", "{run}/steps/charge")]
    [InlineData("GET", "{run}/steps")]
    [InlineData("GET", "{run}")]
    [InlineData("GET", "{RUN}")]
    [InlineData("GET", "/%5Fdurable/v1/runs/")]
    [InlineData("GET", "/x/../_durable/v1/runs/")]
    [InlineData("POST", "/_durable/v1/events")]
    [InlineData("GET", "/_durable/v1/admin")]
    [InlineData("GET", "/_durable/")]
    [InlineData("GET", "/_durable")]
    public async Task ControlListener_IsNotReachableOnThePublicOne(string method, string path)
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        var run = new Uri(attempt.Callback).AbsolutePath;
        var target = path.Replace("{run}", run, StringComparison.Ordinal).Replace("{RUN}",
            run.ToUpperInvariant(), StringComparison.Ordinal);

        // With the control listener's Host, too.
        foreach (var host in new[] { world.Gateway.Public.Authority, world.Gateway.Control.Authority })
        {
            using var call = HeldAttempt.Call(new HttpMethod(method),
                world.Gateway.Public.GetLeftPart(UriPartial.Authority) + target, attempt.Token);
            call.Headers.Host = host;
            var answer = await HeldAttempt.SendAsync(call);
            answer.AssertProblem(HttpStatusCode.NotFound, "not-found");
        }
    }

    [Fact]
    public async Task ResultUrl_IsNotServedOnTheControlListener()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var url = await world.ParkAsync();

        using var answer = await world.Gateway.Client.GetAsync(new Uri(world.Gateway.Control, url));

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }
}
