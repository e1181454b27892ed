using System.Net;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>An unreachable Redis is not a configuration error: the gateway runs, is not ready, and continues by itself later.</summary>
public sealed class StoreAwayTests
{
    [Fact]
    public async Task RedisComesLate_PlainAndSuccessfulRequestsAreServedMeanwhile_AndRunsComeHomeAfterwards()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        await redis.KillAsync();
        await using var service = await TestService.StartAsync((context, count) =>
        {
            context.Response.StatusCode = context.Request.Path == "/flaky" && count < 3 ? 503 : 200;
            return context.Response.WriteAsync("ok");
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url,
            $"Durable:Store:ConnectionString={redis.ConnectionString},connectTimeout=500,connectRetry=1", "Durable:Lease=00:01:00");
        using var control = new HttpClient { BaseAddress = gateway.Control };

        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await control.GetAsync("/readyz")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await control.GetAsync("/healthz")).StatusCode);
        using var success = await gateway.Client.GetAsync("/fine");
        Assert.Equal("ok", await success.Content.ReadAsStringAsync());
        Assert.Equal("not-durable", success.Headers.GetValues("Durable-Status").Single());

        // A run that is not stored gets no redirect: the client sees the failure.
        using var failure = await gateway.Client.GetAsync("/flaky");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, failure.StatusCode);
        Assert.Null(failure.Headers.Location);

        // A client that relies on the store learns when to retry, and the service does not get the request.
        using var keyed = new HttpRequestMessage(HttpMethod.Get, "/keyed");
        keyed.Headers.Add("Idempotency-Key", "k");
        using var refused = await gateway.Client.SendAsync(keyed);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("1", refused.Headers.GetValues("Retry-After").Single());
        Assert.DoesNotContain(service.Seen, seen => seen.Target == "/keyed");

        // A URL or a token that cannot be checked yet is not reported as unknown.
        using var step = new HttpRequestMessage(HttpMethod.Put, $"/_durable/v1/runs/{Make.RunId()}/steps/a");
        step.Headers.Add("Durable-Token", "AAAAAAAAAAFUrFDRfs1QrlVZzpX5p1Ww");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await control.SendAsync(step)).StatusCode);
        var result = gateway.Client.GetAsync($"/_durable/v1/results/{Make.RunId()}?token=AAAAAAAAAAFUrFDRfs1QrlVZzpX5p1Ww");

        await redis.StartAgainAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await result).StatusCode);
        await Eventually.TrueAsync(async () => (await control.GetAsync("/readyz")).StatusCode == HttpStatusCode.OK,
            "the gateway is ready");
        Assert.Equal("ok", await gateway.Follower.GetStringAsync("/flaky"));
    }

    [Fact]
    public async Task RedisGoesAndComesBack_TheLogHasOneLineOfEach_AndClientsSeeNothingOfTheStore()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("ok"));
        using var log = new LogSink();
        await using var gateway = await GatewayHost.StartAsync(service.Url,
            builder => builder.Logging.AddProvider(log).AddFilter<LogSink>(null, LogLevel.Debug),
            $"Durable:Store:ConnectionString={redis.ConnectionString},connectTimeout=500,connectRetry=1", "Durable:Lease=00:00:02",
            "Durable:Policies:default:Persist=OnStart");
        using var control = new HttpClient { BaseAddress = gateway.Control };
        await Eventually.TrueAsync(async () => (await control.GetAsync("/readyz")).StatusCode == HttpStatusCode.OK, "the gateway is ready");

        await redis.KillAsync();
        var told = new List<string>();
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await gateway.Client.GetAsync("/order");
            if (answer.StatusCode == HttpStatusCode.ServiceUnavailable) told.Add(await answer.Content.ReadAsStringAsync());

            // The loop that claims runs calls the store once a second.
            return told.Count > 0 && log.Of(120).Count >= 3;
        }, "the claims have failed several times");
        await redis.StartAgainAsync();
        await Eventually.TrueAsync(() => log.Of(108).Count > 0, "the log says that the store is back");

        Assert.Single(log.Of(100));
        Assert.Single(log.Of(108));
        Assert.Equal(LogLevel.Information, log.Of(108)[0].Level);
        Assert.Contains($"127.0.0.1:{redis.Port}", log.Of(100)[0].Text, StringComparison.Ordinal);
        var warnings = log.From(LogLevel.Warning).Where(line => !line.Text.Contains("clock", StringComparison.Ordinal)).ToArray();
        Assert.True(warnings.Length == 1, string.Join(Environment.NewLine, warnings));
        foreach (var problem in told)
        {
            foreach (var internals in new[] { $"{redis.Port}", "127.0.0.1", "Redis", "Interactive",
                "SocketClosed", "Exception", "EVALSHA" })
                Assert.DoesNotContain(internals, problem, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public async Task StreamThatCannotBeKept_Passes_AndSaysThatItCannotBeResumed()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            await redis.KillAsync();
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers["Durable-Stream"] = "resume";
            await context.Response.WriteAsync("id: 1\ndata: one\n\n");
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url,
            $"Durable:Store:ConnectionString={redis.ConnectionString},connectTimeout=500,connectRetry=1", "Durable:Lease=00:01:00");
        using var control = new HttpClient { BaseAddress = gateway.Control };
        await Eventually.TrueAsync(async () => (await control.GetAsync("/readyz")).StatusCode == HttpStatusCode.OK, "the gateway is ready");

        using var answer = await gateway.Client.GetAsync("/ticker");

        Assert.Equal("id: 1\ndata: one\n\n", await answer.Content.ReadAsStringAsync());
        Assert.Equal("not-durable", answer.Headers.GetValues("Durable-Status").Single());
    }

    [Fact]
    public async Task StreamThatEndsWhileTheStoreIsAway_IsRecordedWhenItIsBack_AndNotAskedForAgain()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync("--appendonly", "yes", "--appendfsync", "always");
        var (read, gone) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers["Durable-Stream"] = "resume";
            await context.Response.WriteAsync("id: 1\ndata: one\n\n");
            await context.Response.Body.FlushAsync();
            await read.Task;
            await redis.KillAsync();
            gone.SetResult();
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url,
            $"Durable:Store:ConnectionString={redis.ConnectionString},connectTimeout=500,connectRetry=1", "Durable:Lease=00:01:00");
        using var control = new HttpClient { BaseAddress = gateway.Control };
        await Eventually.TrueAsync(async () => (await control.GetAsync("/readyz")).StatusCode == HttpStatusCode.OK, "the gateway is ready");

        using var live = await gateway.Client.GetAsync("/ticker", HttpCompletionOption.ResponseHeadersRead);
        var url = live.Headers.GetValues("Durable-Result").Single();
        using var events = new StreamReader(await live.Content.ReadAsStreamAsync());
        Assert.Equal("id: 1", await events.ReadLineAsync());
        read.SetResult();
        await gone.Task;

        // This node certainly owns the run, so its client does not wait for the store.
        Assert.Equal("data: one\n\n", await events.ReadToEndAsync().WaitAsync(World.Patience));
        await Eventually.TrueAsync(async () => (await control.GetAsync("/readyz")).StatusCode == HttpStatusCode.ServiceUnavailable,
            "the gateway notices");
        await redis.StartAgainAsync();

        // The end of the run is recorded when the store is back.
        Assert.Equal("id: 1\ndata: one\n\n", await gateway.Follower.GetStringAsync(url));
        Assert.Single(service.Seen);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Trailer: X-Sum\r\n")]
    public async Task ResponseInChunksThatEndsWhileTheStoreIsAway_EndsForItsClient(string trailer)
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync("--appendonly", "yes", "--appendfsync", "always");
        await using var service = new RawService();
        service.Handler = async (wire, head) =>
        {
            await service.RecordAsync(wire, head);
            await wire.WriteAsync($"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{trailer}\r\n5\r\nhello\r\n");
            await redis.KillAsync();
            await wire.WriteAsync(trailer.Length > 0 ? "0\r\nX-Sum: 1\r\n\r\n" : "0\r\n\r\n");
        };
        await using var gateway = await GatewayHost.StartAsync(service.Url,
            $"Durable:Store:ConnectionString={redis.ConnectionString},connectTimeout=500,connectRetry=1",
            "Durable:Lease=00:01:00", "Durable:Policies:default:Persist=OnStart");
        using var control = new HttpClient { BaseAddress = gateway.Control };
        await Eventually.TrueAsync(async () => (await control.GetAsync("/readyz")).StatusCode == HttpStatusCode.OK, "the gateway is ready");

        using var live = await gateway.Client.GetAsync("/order").WaitAsync(World.Patience);
        Assert.Equal("hello", await live.Content.ReadAsStringAsync());
        Assert.Equal(trailer.Length > 0, live.TrailingHeaders.Contains("X-Sum"));

        await redis.StartAgainAsync();
        Assert.Equal("hello", await gateway.Follower.GetStringAsync(live.Headers.GetValues("Durable-Result").Single()));
        Assert.Single(service.Seen);
    }

    /// <summary>Another node may have replayed the run by then, so the client must not get a complete response.</summary>
    [Fact]
    public async Task NodeThatLosesItsLease_AndDoesNotReachTheStoreAnyMore_CutsItsClientOff()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        var (read, gone, ends) = (new TaskCompletionSource(), new TaskCompletionSource(), new TaskCompletionSource());
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            await context.Response.WriteAsync("some");
            await context.Response.Body.FlushAsync();
            await read.Task;
            await redis.KillAsync();
            gone.SetResult();
            await ends.Task;
        });
        var time = new LeapingTime();
        await using var gateway = await GatewayHost.StartAsync(service.Url, builder => builder.Services.AddSingleton(new StoreClock(time)),
            $"Durable:Store:ConnectionString={redis.ConnectionString},connectTimeout=500,connectRetry=1", "Durable:Lease=00:01:00",
            "Durable:Policies:default:Persist=OnStart", "Durable:Policies:default:AttemptTimeout=10:00:00");
        using var control = new HttpClient { BaseAddress = gateway.Control };
        await Eventually.TrueAsync(async () => (await control.GetAsync("/readyz")).StatusCode == HttpStatusCode.OK, "the gateway is ready");
        using var live = await gateway.Client.GetAsync("/order", HttpCompletionOption.ResponseHeadersRead).WaitAsync(World.Patience);
        var body = await live.Content.ReadAsStreamAsync();
        await body.ReadExactlyAsync(new byte[4]).AsTask().WaitAsync(World.Patience);
        read.SetResult();
        await gone.Task;
        time.Leap();
        ends.SetResult();

        var end = body.ReadAsync(new byte[1]).AsTask();
        await Eventually.TrueAsync(() =>
        {
            time.Leap();
            return end.IsCompleted;
        }, "the client is cut off");
        await Assert.ThrowsAnyAsync<IOException>(() => end);
    }

    /// <summary>A clock that jumps eleven minutes ahead. Timers do not notice the jump.</summary>
    private sealed class LeapingTime : TimeProvider
    {
        private long _leapt;

        public override long GetTimestamp() => base.GetTimestamp() + Interlocked.Read(ref _leapt);

        public void Leap() => Interlocked.Add(ref _leapt, 11 * 60 * TimestampFrequency);
    }
}
