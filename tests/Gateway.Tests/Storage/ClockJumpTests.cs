using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>The store's clock jumps ahead, as after a failover to a host whose clock is ahead.</summary>
public sealed class ClockJumpTests
{
    [Fact]
    public async Task Leases_DoNotRunOutByIt_AndWhatWaitsIsDue()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync("--save", "");
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync((context, _) =>
        {
            if (context.Request.Path == "/waits") arrived.TrySetResult();
            return Task.CompletedTask;
        }, readBody: false);
        await using var gateway = await GatewayHost.StartAsync(service.Url, $"Durable:Store:ConnectionString={redis.ConnectionString}",
            "Durable:Lease=00:01:00");
        var clock = gateway.Services.GetRequiredService<StoreClock>();
        var connection = gateway.Services.GetRequiredService<StoreConnection>();
        var now = clock.GetUtcNow();
        var atWork = NewRun("/at-work", now);
        var waits = NewRun("/waits", now);
        while (waits.Id.Shard(connection.Shards) != atWork.Id.Shard(connection.Shards)) waits = waits with { Id = RunId.New(now) };
        await gateway.Store.CreateRunningAsync(atWork, "another node", now.AddMinutes(20));
        await gateway.Store.CreateWaitingAsync(waits, "another node", now.AddMinutes(30));

        // Each sweep sets the clock to the store's time, which has not really jumped. The loop learns only of runs that are due
        // earlier than the others.
        var due = now.AddMinutes(20);
        await Eventually.TrueAsync(() =>
        {
            clock.Set(clock.GetUtcNow() > now.AddMinutes(40) ? clock.GetUtcNow() : now.AddHours(1), clock.GetTimestamp());
            gateway.Services.GetRequiredService<IRunSignals>().Parked(waits.Id, due = due.AddMilliseconds(-1));
            return arrived.Task.IsCompleted;
        }, "the run that waits is sent");
        var snapshot = (await gateway.Store.GetSnapshotAsync(atWork.Id))!;
        Assert.Equal((RunState.Running, 1), (snapshot.State, snapshot.Attempt));
    }

    private static NewRun NewRun(string path, DateTimeOffset now)
    {
        var request = Make.Request(Array.Empty<byte>()) with
        {
            Method = "GET",
            Path = path,
            RawTarget = path,
            Query = "",
            Headers = [new("Host", "x")],
            Chunked = false
        };
        return new NewRun(RunId.New(now), new RunPolicy(), "upstream", now, request);
    }
}
