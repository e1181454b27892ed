using System.Net;
using System.Threading.Channels;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Storage;

/// <summary>Redis does not respond for a while. The gateway does not know whether its commands were executed.</summary>
public sealed class LostAnswerTests : IAsyncLifetime
{
    private RedisServer _redis = null!;
    private ConnectionMultiplexer _admin = null!;

    public async ValueTask InitializeAsync()
    {
        RedisServer.SkipIfMissing();
        _redis = await RedisServer.StartAsync();
        _admin = await ConnectionMultiplexer.ConnectAsync(_redis.ConnectionString + ",allowAdmin=true");
    }

    public async ValueTask DisposeAsync()
    {
        if (_redis is null) return;
        await _admin.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task StoringWasNotConfirmed_AndTheServiceSucceeds_TheRunEndsAndIsNotExecutedAgain()
    {
        await using var service = await HeldService.StartAsync();
        await using var gateway = await StartAsync(service.Service, "Durable:Policies:default:PersistAfter=00:00:00.300");

        var (live, held, executions) = await SendAndLoseTheAnswerAsync(gateway, service, () => StandStillAsync(2500), RespondsAsync);
        held.GoOn.SetResult();
        using var answer = await live;
        Assert.Equal("once", await answer.Content.ReadAsStringAsync());

        await Eventually.TrueAsync(async () => await StateAsync(gateway, held.Run) == RunState.Completed, "the run has ended");
        Assert.Equal(executions, service.Service.Seen.Count);
    }

    /// <summary>Another node may have taken over the run by then, and the result of its attempt is the result of the run.</summary>
    [Fact]
    public async Task StoringWasNotConfirmed_AndTheLeaseIsOver_TheClientWaitsForTheStore()
    {
        await using var service = await HeldService.StartAsync();
        using var log = new LogSink();
        await using var gateway = await GatewayHost.StartAsync(service.Service.Url,
            builder => builder.Logging.AddProvider(log).AddFilter<LogSink>(null, LogLevel.Debug),
            $"Durable:Store:ConnectionString={_redis.ConnectionString}", "Durable:Lease=00:00:01",
            "Durable:Policies:default:PersistAfter=00:00:00.300");

        Task<HttpResponseMessage> live;
        HeldRequest held;
        int executions;
        try
        {
            (live, held, executions) = await SendAndLoseTheAnswerAsync(gateway, service, () =>
            {
                Signals.Stop(_redis.ProcessId);
                return Task.CompletedTask;
            }, () =>
            {
                Signals.Continue(_redis.ProcessId);
                return RespondsAsync();
            });
            var lost = TimeProvider.System.GetTimestamp();
            await Eventually.TrueAsync(() => TimeProvider.System.GetElapsedTime(lost) > TimeSpan.FromSeconds(1),
                "the lease that was asked for is over");
            held.GoOn.SetResult();
            var retried = log.Of(143).Count;
            await Eventually.TrueAsync(() => log.Of(143).Count > retried + 3, "the end could not be written");
            Assert.False(live.IsCompleted);
        }
        finally
        {
            Signals.Continue(_redis.ProcessId);
        }

        using var answer = await live;
        Assert.Equal("once", await answer.Content.ReadAsStringAsync());
        await Eventually.TrueAsync(async () => await StateAsync(gateway, held.Run) == RunState.Completed, "the run has ended");
        Assert.Equal(executions, service.Service.Seen.Count);
    }

    [Fact]
    public async Task ParkingWasNotConfirmed_TheClientIsRedirectedOnlyWhenItIs()
    {
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            arrived.TrySetResult();
            await goOn.Task;
            context.Response.StatusCode = count == 1 ? 503 : 200;
            await context.Response.WriteAsync("home");
        });
        await using var gateway = await StartAsync(service);

        var live = gateway.Client.GetAsync("/pay");
        await arrived.Task;
        await StandStillAsync(1500);
        goOn.SetResult();
        using var redirect = await live;
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        Assert.Equal("home", await gateway.Follower.GetStringAsync(redirect.Headers.Location));
        Assert.Equal(2, service.Seen.Count);
    }

    /// <summary>This is the last attempt. If its end were lost, its lease would expire, and another attempt would start.</summary>
    [Fact]
    public async Task EndOfTheLastAttemptWasNotConfirmed_TheClientIsRedirected_AndNothingIsExecutedAgain()
    {
        await using var service = await HeldService.StartAsync(aborts: true);
        await using var gateway = await StartAsync(
            service.Service, "Durable:Policies:default:Retry:MaxAttempts=1", "Durable:Policies:default:Persist=OnStart");
        var (live, held) = await SendUntilOneArrivesAsync(gateway, service);
        await _admin.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", 60_000, "WRITE");
        held.GoOn.SetResult();
        using var redirect = await live;
        Assert.Equal((HttpStatusCode.SeeOther, true), (redirect.StatusCode, redirect.Headers.ConnectionClose));
        await _admin.GetDatabase().ExecuteAsync("CLIENT", "UNPAUSE");
        await Eventually.TrueAsync(async () => await StateAsync(gateway, held.Run) == RunState.Failed, "the run has ended");
        Assert.Single(service.Service.Seen, request => RunIdOf(request) == held.Run);
    }

    [Fact]
    public async Task CheckpointRefusedForWantOfTheStore_DoesNotCountAsTheServicesFailure()
    {
        var statuses = new List<HttpStatusCode>();
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            var request = SeenRequest.Of(context, []);
            if (count == 1) Assert.Equal(HttpStatusCode.Created, await Checkpoint.PutAsync(request, "first", "1"));
            if (count == 1) await StandStillAsync(1500);
            statuses.Add(await Checkpoint.PutAsync(request, "second", "2"));

            // The refused write may have been executed anyway. In this case, the outcome is already stored.
            context.Response.StatusCode = statuses[^1] is HttpStatusCode.Created or HttpStatusCode.OK ? 200 : 500;
            await context.Response.WriteAsync("done");
        });

        // With a single attempt, a failure that the service itself reports would be final.
        await using var gateway = await StartAsync(service, "Durable:Policies:default:Retry:MaxAttempts=1");
        Assert.Equal("done", await gateway.Follower.GetStringAsync("/pay"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, statuses[0]);
    }

    /// <summary>Each of these requests is stored before it is sent. The store does not respond until the gateway gives up.</summary>
    [Theory]
    [InlineData("Prefer", "respond-async", "")]
    [InlineData("Idempotency-Key", "\"one\"", "")]
    [InlineData("X-Nothing", "1", "Durable:Policies:default:Persist=OnStart")]
    public async Task StoringWasNotConfirmedInTime_TheClientIsToldWhereTheRunWouldBe(string header, string value, string setting)
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("executed"));
        await using var gateway = setting.Length > 0 ? await StartAsync(service, setting) : await StartAsync(service);
        using var refused = await SendWhileItStandsStillAsync(gateway, 9000, header, value);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        var result = refused.Headers.GetValues("Durable-Result").Single();
        Assert.Single(refused.Headers.GetValues("Durable-Run-Id"));
        Assert.Contains("store-unavailable", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        // The store continues. It either has the write or has lost it with the connection. The result URL of the client tells which.
        HttpStatusCode? found = null;
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await gateway.Follower.GetAsync(result);
            found = answer.StatusCode;
            return found is HttpStatusCode.OK or HttpStatusCode.NotFound;
        }, "what became of the request is where the client was told");
        if (found == HttpStatusCode.OK) Assert.Single(service.Seen);
        if (header != "Idempotency-Key") return;

        // With the key, the retry is either the same run or the first run. In both cases, it is executed once.
        using var again = await SendAsync(gateway, header, value);
        if (again.StatusCode == HttpStatusCode.SeeOther)
            Assert.Equal("executed", await gateway.Follower.GetStringAsync(again.Headers.Location));
        else Assert.Equal("executed", await again.Content.ReadAsStringAsync());
        Assert.Single(service.Seen);
    }

    /// <summary>The gateway repeats the call for a while, and the client does not notice.</summary>
    [Theory]
    [InlineData("Prefer", "respond-async", HttpStatusCode.Accepted)]
    [InlineData("Idempotency-Key", "\"one\"", HttpStatusCode.OK)]
    public async Task StoringWasConfirmedLate_TheClientIsToldThatItIsStored(string header, string value, HttpStatusCode expected)
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("executed"));
        await using var gateway = await StartAsync(service, "Durable:Lease=00:00:30");
        using var answer = await SendWhileItStandsStillAsync(gateway, 2500, header, value);
        Assert.Equal(expected, answer.StatusCode);
        await Eventually.TrueAsync(() => service.Seen.Count == 1, "it is executed");
    }

    /// <summary>
    /// Sends a request to a gateway that has not noticed yet that the store does not respond. A gateway that has noticed sends nothing to
    /// the store, and knows that the run is not stored. In this case, the test starts again.
    /// </summary>
    private async Task<HttpResponseMessage> SendWhileItStandsStillAsync(GatewayHost gateway, int milliseconds, string header, string value)
    {
        var connection = gateway.Services.GetRequiredService<DurableGateway.Storage.StoreConnection>();
        while (true)
        {
            await Eventually.TrueAsync(async () => connection.IsReady && await RespondsAsync(), "the store is there");
            await StandStillAsync(milliseconds);
            var answer = await SendAsync(gateway, header, value);
            if (answer.StatusCode != HttpStatusCode.ServiceUnavailable || answer.Headers.Contains("Durable-Result")) return answer;
            Assert.Contains("store-unavailable", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            answer.Dispose();
        }
    }

    /// <summary>
    /// Sends a request whose run is written while the store does not respond, so that the answer to the write is lost. A gateway that has
    /// noticed before the write that the store does not respond, sends nothing. In this case, the request ends and the test starts again.
    /// </summary>
    private static async Task<(Task<HttpResponseMessage> Live, HeldRequest Held, int Executions)> SendAndLoseTheAnswerAsync(
        GatewayHost gateway, HeldService service, Func<Task> stop, Func<Task<bool>> responds)
    {
        var connection = gateway.Services.GetRequiredService<DurableGateway.Storage.StoreConnection>();
        for (var executions = 1; ; executions++)
        {
            await Eventually.TrueAsync(async () => await responds() && connection.IsReady, "the store is there");
            await stop();
            var (live, held) = await SendUntilOneArrivesAsync(gateway, service);
            await Eventually.TrueAsync(() => Attempt(gateway, held.Run) is { MayBeStored: true } || !connection.IsReady,
                "the answer to the write was lost");
            if (Attempt(gateway, held.Run) is { MayBeStored: true }) return (live, held, executions);
            held.GoOn.SetResult();
            await responds();
            (await live).Dispose();
        }
    }

    /// <summary>On a busy machine, the store may not confirm in time that a run is stored. The gateway then refuses the request.</summary>
    private static async Task<(Task<HttpResponseMessage> Live, HeldRequest Held)> SendUntilOneArrivesAsync(
        GatewayHost gateway, HeldService service)
    {
        var arrival = service.NextAsync();
        while (true)
        {
            var live = gateway.Client.GetAsync("/pay");
            if (await Task.WhenAny(arrival, live) == arrival) return (live, await arrival);
            using var refused = await live;
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        }
    }

    private static async Task<HttpResponseMessage> SendAsync(GatewayHost gateway, string header, string value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/pay") { Content = new StringContent("order") };
        request.Headers.TryAddWithoutValidation(header, value);
        return await gateway.Client.SendAsync(request);
    }

    private Task<GatewayHost> StartAsync(TestService service, params string[] settings) => GatewayHost.StartAsync(
        service.Url, [$"Durable:Store:ConnectionString={_redis.ConnectionString}", "Durable:Lease=00:00:01", .. settings]);

    private async Task<bool> RespondsAsync()
    {
        try
        {
            await _admin.GetDatabase().PingAsync();
            return true;
        }
        catch (RedisTimeoutException)
        {
            return false;
        }
    }

    private async Task StandStillAsync(int milliseconds) => await _admin.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", milliseconds, "ALL");

    private static RunId RunIdOf(SeenRequest request) =>
        RunId.TryParse(request["Durable-Run-Id"], out var run) ? run : throw new FormatException("no run id");

    private static Attempt? Attempt(GatewayHost gateway, RunId run) =>
        gateway.Services.GetRequiredService<AttemptRegistry>().TryGet(run, out var attempt) ? attempt : null;

    private static async Task<RunState?> StateAsync(GatewayHost gateway, RunId run)
    {
        try
        {
            return (await gateway.Store.GetSnapshotAsync(run))?.State;
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }

    private sealed record HeldRequest(RunId Run, TaskCompletionSource GoOn);

    /// <summary>A service that answers a request when the test says so.</summary>
    private sealed class HeldService : IAsyncDisposable
    {
        private readonly Channel<HeldRequest> _requests = Channel.CreateUnbounded<HeldRequest>();

        public TestService Service { get; private set; } = null!;

        public static async Task<HeldService> StartAsync(bool aborts = false)
        {
            var held = new HeldService();
            held.Service = await TestService.StartAsync(async (context, _) =>
            {
                var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                held._requests.Writer.TryWrite(new HeldRequest(RunIdOf(SeenRequest.Of(context, [])), goOn));
                await goOn.Task;
                if (aborts) context.Abort();
                else await context.Response.WriteAsync("once");
            });
            return held;
        }

        public Task<HeldRequest> NextAsync() => _requests.Reader.ReadAsync().AsTask();

        public ValueTask DisposeAsync() => Service.DisposeAsync();
    }
}
