using System.Diagnostics;
using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy;

/// <summary>What counts as a failure of an attempt, and its consequences (§4).</summary>
public sealed class FailureTests
{
    private const string TwoAttempts = "Durable:Policies:default:Retry:MaxAttempts=2";
    private const string Hold = "Durable:Policies:default:HoldClientFor=00:00:10";

    [Theory]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task Status_ThatIsAFailureByDefault_IsRetried(int status)
    {
        await using var world = await World.StartAsync();
        (await world.BeginAsync()).Answer(status);
        using var redirect = await world.LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);

        (await world.NextAttemptAsync()).Answer(200, "done");
        Assert.Equal("done", await world.Gateway.Follower.GetStringAsync(redirect.Headers.Location));
    }

    [Theory]
    [InlineData(200)]
    [InlineData(302)]
    [InlineData(400)]
    [InlineData(408)]
    [InlineData(409)]
    [InlineData(429)]
    [InlineData(501)]
    [InlineData(505)]
    [InlineData(507)]
    public async Task Status_ThatIsNoFailure_IsTheClients(int status)
    {
        await using var world = await World.StartAsync();
        (await world.BeginAsync()).Answer(status, "as it is", ("X-Own", "1"));

        using var response = await world.LiveAnswerAsync();

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("as it is", await response.Content.ReadAsStringAsync());
        Assert.Equal(["1"], response.Headers.GetValues("X-Own"));
        Assert.True(response.Headers.Contains("Durable-Run-Id"));
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(200)]
    public async Task RetryFalse_MakesAnyStatusFinal(int status)
    {
        await using var world = await World.StartAsync();
        (await world.BeginAsync()).Answer(status, "final", ("Durable-Retry", "?0"));

        using var response = await world.LiveAnswerAsync();

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("final", await response.Content.ReadAsStringAsync());
        Assert.False(response.Headers.Contains("Durable-Retry"));
    }

    [Theory]
    [InlineData(200)]
    [InlineData(404)]
    [InlineData(429)]
    public async Task RetryTrue_MakesAnyStatusAFailure(int status)
    {
        await using var world = await World.StartAsync();
        (await world.BeginAsync()).Answer(status, "no", ("Durable-Retry", "?1"));
        using var redirect = await world.LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);

        (await world.NextAttemptAsync()).Answer(200, "done");
        Assert.Equal("done", await world.Gateway.Follower.GetStringAsync(redirect.Headers.Location));
    }

    [Fact]
    public async Task RetryTrue_UntilTheLastAttempt_GivesTheLastResponse()
    {
        await using var world = await World.StartAsync(TwoAttempts);
        (await world.BeginAsync()).Answer(200, "no", ("Durable-Retry", "?1"));
        (await world.NextAttemptAsync()).Answer(404, "still no", ("Durable-Retry", "?1"));
        using var redirect = await world.LiveAnswerAsync();

        using var result = await world.Gateway.Follower.GetAsync(redirect.Headers.Location);

        Assert.Equal(HttpStatusCode.NotFound, result.StatusCode);
        Assert.Equal("still no", await result.Content.ReadAsStringAsync());
        Assert.Equal(["failed"], result.Headers.GetValues("Durable-Status"));
    }

    [Fact]
    public async Task StatusesOfThePolicy_ReplaceTheDefault()
    {
        await using var world = await World.StartAsync("Durable:Policies:default:Retry:Statuses=429, 520-529");
        (await world.BeginAsync()).Answer(500, "mine");
        using (var response = await world.LiveAnswerAsync()) Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);

        foreach (var status in new[] { 429, 520, 529 })
        {
            (await world.BeginAsync()).Answer(status);
            (await world.NextAttemptAsync()).Answer(200);
            using var redirect = await world.LiveAnswerAsync();
            Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        }
    }

    [Theory]
    [InlineData("1", 0.9)]
    [InlineData("0", 0)]
    public async Task RetryAfter_OfAFailure_IsTheEarliestNextAttempt(string retryAfter, double seconds)
    {
        await using var world = await World.StartAsync();
        var first = await world.BeginAsync();
        var clock = Stopwatch.StartNew();
        first.Answer(503, "", ("Retry-After", retryAfter));

        await world.NextAttemptAsync();

        Assert.InRange(clock.Elapsed.TotalSeconds, seconds, seconds + 60);
        using var redirect = await world.LiveAnswerAsync();
        Assert.Equal(["1"], redirect.Headers.GetValues("Retry-After"));
    }

    [Theory]
    [InlineData("99999999999999")]
    [InlineData("Fri, 31 Dec 9999 23:59:59 GMT")]
    public async Task RetryAfter_OfAnAbsurdLength_IsNoErrorOfTheGateway(string retryAfter)
    {
        await using var world = await World.StartAsync();
        (await world.BeginAsync()).Answer(503, "", ("Retry-After", retryAfter));

        using var redirect = await world.LiveAnswerAsync();

        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
    }

    [Fact]
    public async Task ConnectionRefused_IsAFailureThatARetryHides()
    {
        int port;
        await using (var gone = await TestService.StartAsync((_, _) => Task.CompletedTask)) port = new Uri(gone.Url).Port;
        await using var gateway = await GatewayHost.StartAsync($"http://127.0.0.1:{port}", Hold,
            "Durable:Policies:default:Retry:Delay=00:00:00.300");
        var live = gateway.Client.GetAsync("/orders");
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("here"), port);

        using var response = await live;

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("here", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\nContent-Le")]
    public async Task ResetBeforeTheEndOfTheHeaders_IsAFailure(string said)
    {
        await using var service = new SocketService(async (count, socket) =>
        {
            if (count > 1) await socket.SayAsync("HTTP/1.1 200 OK\nContent-Length: 4\nConnection: close\n\ndone");
            else if (said.Length > 0) await socket.SayAsync(said);
            else await socket.ResetAsync();
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url);

        // Use GET: SocketsHttpHandler does not repeat it on a new connection.
        using var response = await gateway.Follower.GetAsync("/orders");

        Assert.Equal("done", await response.Content.ReadAsStringAsync());
        Assert.Equal(2, service.Count);
    }

    [Theory]
    [InlineData("Transfer-Encoding: chunked\n\n4\nhalf\n", true)]
    [InlineData("Content-Length: 8\n\nhalf", false)]
    public async Task CutInTheBody_CutsTheClientAndRetriesTheRun(string half, bool announced)
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = new SocketService(async (count, socket) =>
        {
            if (count > 1)
            {
                await socket.SayAsync("HTTP/1.1 201 Created\nContent-Length: 5\nConnection: close\n\nwhole");
                return;
            }

            await socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(("HTTP/1.1 200 OK\n" + half).ReplaceLineEndings("\r\n")));
            await begun.Task.WaitAsync(World.Patience);
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url);

        using var response = await gateway.Client.GetAsync("/orders", HttpCompletionOption.ResponseHeadersRead);
        begun.SetResult();
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await Assert.ThrowsAnyAsync<Exception>(response.Content.ReadAsByteArrayAsync);

        await Eventually.TrueAsync(() => service.Count == 2, "the run is retried");
        Assert.Equal(announced, response.Headers.TryGetValues("Durable-Result", out var urls));
        if (!announced) return;
        using var result = await gateway.Follower.GetAsync(urls!.Single());
        Assert.Equal(HttpStatusCode.Created, result.StatusCode);
        Assert.Equal("whole", await result.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task ResponseThatBeginsWhileTheRunIsStored_BearsItsResultUrl()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("charge");
        attempt.Answer(200, "done", ("Content-Length", "4"));

        using var response = await world.LiveAnswerAsync();

        Assert.Equal("done", await response.Content.ReadAsStringAsync());
        using var result = await world.Gateway.Client.GetAsync(response.Headers.GetValues("Durable-Result").Single());
        Assert.Equal("done", await result.Content.ReadAsStringAsync());
        Assert.Equal(["completed"], result.Headers.GetValues("Durable-Status"));
    }

    [Fact]
    public async Task AttemptTimeout_IsAFailure()
    {
        await using var world = await World.StartAsync("Durable:Policies:default:AttemptTimeout=00:00:01");
        await world.BeginAsync();

        // On a busy machine, an attempt may time out before it reaches the service.
        var next = await world.NextAttemptAsync();

        Assert.NotEqual("1", next.Request["Durable-Attempt"]);
        using var redirect = await world.LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
    }

    /// <summary>The gateway holds back the end of the broken response. It must not hold back the end of the result.</summary>
    [Fact]
    public async Task HoldClientFor_GivesTheResult_AfterAStoredResponseBrokeOffWithoutABody()
    {
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            context.Response.ContentLength = 5;
            if (count == 1)
            {
                await context.Response.Body.FlushAsync();
                context.Abort();
                return;
            }

            await context.Response.WriteAsync("hello");
        });
        await using var gateway = await GatewayHost.StartAsync(
            service.Url, Hold, "Durable:Policies:default:Persist=OnStart", "Durable:Policies:default:Retry:Delay=00:00:00.010");
        using var answer = await gateway.Client.GetAsync("/pay");
        Assert.Equal((HttpStatusCode.OK, "hello"), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
    }

    [Fact]
    public async Task HoldClientFor_HidesABlip()
    {
        await using var world = await World.StartAsync(Hold);
        (await world.BeginAsync()).Answer(503, "blip");
        (await world.NextAttemptAsync()).Answer(200, "done", ("X-Own", "1"));

        using var response = await world.LiveAnswerAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("done", await response.Content.ReadAsStringAsync());
        Assert.Equal(["1"], response.Headers.GetValues("X-Own"));
        Assert.True(response.Headers.Contains("Durable-Run-Id"));
    }

    [Fact]
    public async Task PreferWait_BoundsTheHold()
    {
        await using var world = await World.StartAsync(Hold, World.RetryMuchLater);
        (await world.BeginAsync(("Prefer", "wait=0"))).Answer(503);

        using var response = await world.LiveAnswerAsync().WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(HttpStatusCode.SeeOther, response.StatusCode);
    }

    [Fact]
    public async Task MaxAttempts_CountsEveryAttemptAndThenGivesUp()
    {
        await using var world = await World.StartAsync("Durable:Policies:default:Retry:MaxAttempts=3");
        (await world.BeginAsync()).Answer(500, "one");
        (await world.NextAttemptAsync()).Answer(502, "two");
        (await world.NextAttemptAsync()).Answer(504, "three");
        using var redirect = await world.LiveAnswerAsync();

        using var result = await world.Gateway.Follower.GetAsync(redirect.Headers.Location);

        Assert.Equal(HttpStatusCode.GatewayTimeout, result.StatusCode);
        Assert.Equal("three", await result.Content.ReadAsStringAsync());
        Assert.Equal(["failed"], result.Headers.GetValues("Durable-Status"));
    }

    [Fact]
    public async Task MaxAttemptsOf1_GivesTheClientTheFailureAsItIs()
    {
        await using var world = await World.StartAsync("Durable:Policies:default:Retry:MaxAttempts=1");
        (await world.BeginAsync()).Answer(503, "as it is");

        using var response = await world.LiveAnswerAsync();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("as it is", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task NewOutcome_SetsTheCountBack()
    {
        await using var world = await World.StartAsync(TwoAttempts);
        var attempt = await world.BeginAsync();
        foreach (var step in new[] { "a", "b", "c", "d" })
        {
            Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync(step)).Status);
            attempt.Answer(503);
            attempt = await world.NextAttemptAsync();
        }

        Assert.Equal("5", attempt.Request["Durable-Attempt"]);
        attempt.Answer(503, "no progress");
        using var redirect = await world.LiveAnswerAsync();
        using var result = await world.Gateway.Follower.GetAsync(redirect.Headers.Location);
        Assert.Equal("no progress", await result.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task ResponseTooLargeOfAReplay_FailsTheRunWith502()
    {
        await using var world = await World.StartAsync("Durable:Policies:default:MaxResponseBytes=1000");
        var url = await world.ParkAsync();
        (await world.NextAttemptAsync()).Answer(200, new string('x', 1001));

        using var result = await world.Gateway.Client.GetAsync(url);

        Assert.Equal(HttpStatusCode.BadGateway, result.StatusCode);
        Assert.Equal(["failed"], result.Headers.GetValues("Durable-Status"));
        Assert.Contains("/_durable/problems/response-too-large", await result.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
