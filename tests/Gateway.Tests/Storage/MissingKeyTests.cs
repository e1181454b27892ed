using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>If the key of a run is no longer configured, the run waits for a node that has the key, and ends at its deadline.</summary>
public sealed class MissingKeyTests
{
    [Fact]
    public async Task RunPastItsDeadline_Ends_AndIsNotClaimedOverAndOver()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync("--save", "");
        await using var other = await StoreNode.OpenAsync(StoreFixture.Settings(redis.ConnectionString) with { Keys = [[.. Make.Key(1)]] });
        var now = TimeProvider.System.GetUtcNow();
        var late = NewRun(now.AddMinutes(-2), TimeSpan.FromMinutes(1));
        var inTime = NewRun(now, TimeSpan.FromDays(1));
        await other.Store.CreateWaitingAsync(late, "gone", now);
        await other.Store.CreateWaitingAsync(inTime, "gone", now);

        await using var gateway = await GatewayHost.StartAsync("http://127.0.0.1:1",
            $"Durable:Store:ConnectionString={redis.ConnectionString}", $"Durable:Store:Shards={StoreFixture.Shards}",
            $"Durable:Keys:0={Convert.ToBase64String(Make.Key(2))}");
        await Eventually.TrueAsync(async () => (await SnapshotAsync(late)).State == RunState.Failed
            && (await SnapshotAsync(inTime)).Attempt > 1, "one has ended, the other was tried");
        var result = (await gateway.Store.GetResultAsync(late.Id))!;
        Assert.Equal((504, "/_durable/problems/run-timeout"),
            (result.Status, System.Text.Json.JsonDocument.Parse(result.Body).RootElement.GetProperty("type").GetString()));
        var waiting = await SnapshotAsync(inTime);
        Assert.Equal((RunState.Waiting, 2), (waiting.State, waiting.Attempt));
        Assert.InRange(waiting.NextAttemptAt!.Value, now.AddSeconds(20), now.AddMinutes(5));

        async Task<RunSnapshot> SnapshotAsync(NewRun run) => (await gateway.Store.GetSnapshotAsync(run.Id))!;
    }

    private static NewRun NewRun(DateTimeOffset started, TimeSpan timeout) =>
        new(RunId.New(started), new RunPolicy { RunTimeout = timeout }, "upstream", started, Make.Request());
}
