using DurableGateway.Protocol;
using DurableGateway.Replay;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Replay;

/// <summary>The loop that claims due runs must run as long as its node. If it ends, the host ends, and another node takes over.</summary>
public sealed class ReplayLoopTests
{
    private const int LookFailed = 148;
    private const int ClaimFailed = 149;

    [Fact]
    public async Task QueuesCannotBeLookedAt_TheNodeStays_AndTheRunsAreReplayedAfterwards()
    {
        var failures = 0;
        using var log = new LogSink();
        await using var service = await StartServiceAsync();
        await using var gateway = await StartAsync(service, log, (method, _, call) =>
        {
            if (method == nameof(IRunStore.GetDueAsync) && Interlocked.Increment(ref failures) <= 2)
                throw new InvalidOperationException("Nobody expects this.");
            return call();
        });

        Assert.Equal("home", await gateway.Follower.GetStringAsync("/a").WaitAsync(TimeSpan.FromSeconds(60)));
        AssertIsUp(gateway);
        Assert.Equal(2, log.Of(LookFailed).Count);
    }

    [Fact]
    public async Task OneRunCannotBeClaimed_TheOthersAreReplayed()
    {
        var brokenLock = new Lock();
        RunId? broken = null;
        using var log = new LogSink();
        await using var service = await StartServiceAsync();
        await using var gateway = await StartAsync(service, log, (method, arguments, call) =>
        {
            if (method != nameof(IRunStore.ClaimAsync)) return call();
            var run = (RunId)arguments[0]!;
            lock (brokenLock) broken ??= run;
            return run == broken ? throw new InvalidOperationException("Nobody expects this.") : call();
        });

        using var first = await gateway.Client.GetAsync("/a");
        await Eventually.TrueAsync(() => broken is not null, "the first run is claimed");
        Assert.Equal("home", await gateway.Follower.GetStringAsync("/b").WaitAsync(TimeSpan.FromSeconds(60)));
        AssertIsUp(gateway);
        Assert.Contains($"{broken}", log.Of(ClaimFailed)[0].Text, StringComparison.Ordinal);
        Assert.Empty(log.Of(LookFailed));
    }

    [Fact]
    public async Task KeyOfADueRunIsSomethingElse_ItLeavesTheQueue_AndTheNodeStays()
    {
        using var log = new LogSink();
        await using var service = await StartServiceAsync();
        await using var gateway = await StartAsync(service, log, (_, _, call) => call(), "Durable:Lease=00:00:02");
        var connection = gateway.Services.GetRequiredService<StoreConnection>();
        var run = Make.RunId();
        var keys = new StoreKeys(run, connection.Shards);
        await connection.ExecuteAsync(db => db.StringSetAsync(keys.Run, "foreign"));
        await connection.ExecuteAsync(db =>
            db.SortedSetAddAsync(keys.Due, run.ToString(), TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()));

        await Eventually.TrueAsync(
            async () => await connection.ExecuteAsync(db => db.SortedSetScoreAsync(keys.Due, run.ToString())) is null,
            "it has left the queue");
        Assert.Equal("home", await gateway.Follower.GetStringAsync("/a").WaitAsync(TimeSpan.FromSeconds(60)));
        AssertIsUp(gateway);
        Assert.Empty(log.Of(LookFailed));
    }

    /// <summary>A slot becomes free after a scan found none and before the scan ends. The next sweep is minutes away.</summary>
    [Fact]
    public async Task SlotIsFreedDuringALook_TheRunsThatWerePassedOverAreReplayed()
    {
        var (arrived, goOn) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously),
            new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        var passedOver = 0;
        ReplaySlots? slots = null;
        using var log = new LogSink();
        await using var service = await StartServiceAsync(async request =>
        {
            if (request.Path != "/first") return;
            arrived.TrySetResult();
            await goOn.Task;
        });
        await using var gateway = await StartAsync(service, log,
            (method, _, call) => method == nameof(IRunStore.GetDueAsync) ? LookAsync((Task<DueRuns>)call()!) : call(),
            "Durable:Lease=00:10:00", "ReverseProxy:Clusters:upstream:Metadata:Durable.MaxReplays=1");
        slots = gateway.Services.GetRequiredService<ReplaySlots>();

        using var first = await gateway.Client.GetAsync("/first");
        await arrived.Task.WaitAsync(TimeSpan.FromSeconds(60));
        var second = gateway.Follower.GetStringAsync("/second");
        Assert.Equal("home", await second.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.NotEqual(0, passedOver);

        async Task<DueRuns> LookAsync(Task<DueRuns> look)
        {
            var due = await look;
            if (due.Held.Count == 0 || Interlocked.Increment(ref passedOver) > 1) return due;
            goOn.SetResult();
            await Eventually.TrueAsync(() => slots!.InFlight == 0, "the slot is free");
            return due;
        }
    }

    /// <summary>Fails the first request of each path.</summary>
    private static Task<TestService> StartServiceAsync(Func<HttpRequest, Task>? replayed = null)
    {
        var seen = new System.Collections.Concurrent.ConcurrentDictionary<string, bool>();
        return TestService.StartAsync(async (context, _) =>
        {
            if (seen.TryAdd(context.Request.Path, true))
            {
                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                return;
            }

            if (replayed is not null) await replayed(context.Request);
            await context.Response.WriteAsync("home");
        });
    }

    private static Task<GatewayHost> StartAsync(
        TestService service, LogSink log, ObservedStore.Observer observer, params string[] settings) => GatewayHost.StartAsync(
        service.Url, builder =>
        {
            builder.Logging.AddProvider(log);
            ObservedStore.Of(observer)(builder);
        }, settings);

    private static void AssertIsUp(GatewayHost gateway) =>
        Assert.False(gateway.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested);
}
