using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy;

/// <summary>
/// <c>AttemptTimeout</c> limits the time until the head of the response, live and in a replay. After that, the run's deadline limits it.
/// </summary>
public sealed class AttemptTimeTests
{
    private const string ShortAttempts = "Durable:Policies:default:AttemptTimeout=00:00:01";

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task ResponseThatTakesLongerThanTheTimeout_Succeeds_LiveAndReplayed(int attempt)
    {
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            if (count < attempt)
            {
                context.Response.StatusCode = 503;
                return;
            }

            for (var part = 0; part < 4; part++)
            {
                await context.Response.WriteAsync("part ");
                await context.Response.Body.FlushAsync();
                await PassAsync(TimeSpan.FromSeconds(0.5));
            }
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, ShortAttempts);

        Assert.Equal("part part part part ", await gateway.Follower.GetStringAsync("/slow"));

        Assert.Equal(attempt, service.Seen.Count);
    }

    [Fact]
    public async Task Response_ThatGoesOnBeyondTheDeadlineOfItsRun_IsCutOff()
    {
        var cut = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            context.RequestAborted.Register(() => cut.TrySetResult());
            if (count == 1)
            {
                context.Response.StatusCode = 503;
                return;
            }

            await context.Response.WriteAsync("for ever");
            await context.Response.Body.FlushAsync();
            await context.HangAsync();
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, ShortAttempts, "Durable:Policies:default:RunTimeout=00:00:03");

        using var answer = await gateway.Follower.GetAsync("/endless");

        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.StatusCode);
        Assert.Contains("run-timeout", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await cut.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    /// <summary>A subscription may have no end. Nobody listens to its replay, so the replay must not occupy a slot without limit.</summary>
    [Fact]
    public async Task ReplayOfASubscription_EndsWithTheTimeoutOfTheAttempt()
    {
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            if (count == 1)
            {
                context.Response.StatusCode = 503;
                return;
            }

            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("data: 1\n\n");
            await context.Response.Body.FlushAsync();
            if (count == 2) await context.HangAsync();
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, ShortAttempts);

        using var request = new HttpRequestMessage(HttpMethod.Get, "/events");
        request.Headers.Add("Accept", "text/event-stream");
        using var redirect = await gateway.Client.SendAsync(request);

        Assert.Equal("data: 1\n\n", await gateway.Follower.GetStringAsync(redirect.Headers.Location));
        Assert.Equal(3, service.Seen.Count);
    }

    private static async Task PassAsync(TimeSpan time)
    {
        var end = Environment.TickCount64 + (long)time.TotalMilliseconds;
        await Eventually.TrueAsync(() => Environment.TickCount64 >= end, "the time passes");
    }
}
