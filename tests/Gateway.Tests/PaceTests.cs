using System.Collections.Concurrent;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Tests;

/// <summary>What is due starts in time, and what is due all at once does not bury the service.</summary>
public sealed class PaceTests
{
    private const int MaxReplays = 20;

    [Fact]
    public async Task TenThousandDueAtOnce_ComeAtThePaceOfTheCluster_AndAnotherClusterIsNotDelayed()
    {
        const int Runs = 10_000;
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        int current = 0, most = 0, done = 0;
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var other = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            if (context.Request.Path.StartsWithSegments("/other"))
            {
                other.TrySetResult();
                return;
            }

            var now = Interlocked.Increment(ref current);
            for (var seen = most; now > seen; seen = most) Interlocked.CompareExchange(ref most, now, seen);
            await answer.Task;
            Interlocked.Decrement(ref current);
            Interlocked.Increment(ref done);
        }, readBody: false);
        await using var gateway = await GatewayHost.StartAsync(service.Url,
            $"Durable:Store:ConnectionString={redis.ConnectionString}",
            $"ReverseProxy:Clusters:upstream:Metadata:Durable.MaxReplays={MaxReplays}",
            "ReverseProxy:Routes:other:ClusterId=other",
            "ReverseProxy:Routes:other:Match:Path=/other/{**rest}",
            "ReverseProxy:Routes:other:Metadata:Durable.Policy=default",
            $"ReverseProxy:Clusters:other:Destinations:one:Address={service.Url}");

        // All of one second ahead, as after an outage.
        var due = TimeProvider.System.GetUtcNow().AddSeconds(1);
        await Parallel.ForAsync(0, Runs, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (_, _) => await ParkAsync(gateway, "upstream", "/many", due));
        await Eventually.TrueAsync(() => Volatile.Read(ref current) == MaxReplays, "as many are at work as may be", seconds: 30);

        // The service answers none of them, and there is no room in that cluster.
        await ParkAsync(gateway, "other", "/other/one", TimeProvider.System.GetUtcNow());
        await other.Task.WaitAsync(TimeSpan.FromSeconds(15));
        Assert.Equal(MaxReplays, Volatile.Read(ref most));

        answer.SetResult();
        await Eventually.TrueAsync(() => Volatile.Read(ref done) == Runs, "all have been sent", seconds: 60);
        Assert.Equal(MaxReplays, Volatile.Read(ref most));
    }

    [Fact]
    public async Task RunThatIsDue_StartsWithin50Milliseconds_AndAnIdleStoreSeesNextToNoTraffic()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        var arrivals = new ConcurrentDictionary<string, DateTimeOffset>();
        await using var service = await TestService.StartAsync((context, _) =>
        {
            arrivals[context.Request.Path.Value!] = TimeProvider.System.GetUtcNow();
            return Task.CompletedTask;
        }, readBody: false);
        await using var gateway = await GatewayHost.StartAsync(service.Url, $"Durable:Store:ConnectionString={redis.ConnectionString}");

        var late = new List<double>();
        for (var i = 0; i < 20; i++)
        {
            var due = TimeProvider.System.GetUtcNow().AddMilliseconds(150);
            var path = $"/due/{i}";
            await ParkAsync(gateway, "upstream", path, due);
            await Eventually.TrueAsync(() => arrivals.ContainsKey(path), "the run has started");
            late.Add((arrivals[path] - due).TotalMilliseconds);
        }

        late.Sort();

        // The store's clock is known to about half a round trip.
        Assert.InRange(late[late.Count / 2], -5, 50);

        // Over one sweep of all shards, which come every five seconds.
        var before = await CommandsAsync(redis);
        var end = Environment.TickCount64 + 6000;
        await Eventually.TrueAsync(() => Environment.TickCount64 >= end, "six seconds pass");
        Assert.InRange((await CommandsAsync(redis) - before) / 6.0, 0, 40);
    }

    private static async Task ParkAsync(GatewayHost gateway, string route, string path, DateTimeOffset due)
    {
        var request = Make.Request(Array.Empty<byte>()) with { Method = "GET", Path = path, RawTarget = path, Query = "", Headers = [new("Host", "x")], Chunked = false };
        var run = new NewRun(RunId.New(TimeProvider.System.GetUtcNow()), new RunPolicy(), route, TimeProvider.System.GetUtcNow(), request);
        await gateway.Store.CreateWaitingAsync(run, "test", due);
        ((IRunSignals)gateway.Services.GetService(typeof(IRunSignals))!).Parked(run.Id, due);
    }

    private static async Task<long> CommandsAsync(RedisServer redis)
    {
        var info = await RedisCluster.AskAsync(redis, "info", "stats");
        return long.Parse(info.Split('\n').First(line => line.StartsWith("total_commands_processed:", StringComparison.Ordinal)).Split(':')[1].Trim(),
            System.Globalization.CultureInfo.InvariantCulture);
    }
}
