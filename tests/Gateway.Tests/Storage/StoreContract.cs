using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Storage;

/// <summary>What every store must do, regardless of the server behind it.</summary>
public abstract partial class StoreContract(StoreFixture fixture)
{
    private const string Owner = "node-a";
    private const string OtherOwner = "node-b";
    private const int Plenty = 100;

    private static readonly DateTimeOffset Now = Make.Start;
    private static readonly DateTimeOffset LeaseEnd = Now.AddSeconds(10);

    private IRunStore Store => fixture.Store;

    private static AttemptKey Key(NewRun run) => new(run.Id, 1, Owner);

    private static StoreKeys KeysOf(RunId run) => new(run, StoreFixture.Shards);

    private static string Text(StepOutcome step) => Encoding.UTF8.GetString(step.Body.Span);

    private static NewRun InShard(int shard)
    {
        var run = Make.Run();
        while (run.Id.Shard(StoreFixture.Shards) != shard) run = run with { Id = Make.RunId() };
        return run;
    }

    private async Task<NewRun> RunningAsync(RunPolicy? policy = null, StoredRequest? request = null)
    {
        var run = Make.Run(policy, request);
        await Store.CreateRunningAsync(run, Owner, LeaseEnd);
        return run;
    }

    private Task<T> ExecuteAsync<T>(Func<IDatabase, Task<T>> command) => fixture.Node.Connection.ExecuteAsync(command);

    private async Task<bool> IsQueuedAsync(RunId run) =>
        await ExecuteAsync(db => db.SortedSetScoreAsync(KeysOf(run).Due, run.ToString())) is not null;

    private async Task<(int Completed, int Failed)> CountsAsync(RunId run)
    {
        var snapshot = (await Store.GetSnapshotAsync(run, countSteps: true))!;
        return (snapshot.CompletedSteps, snapshot.FailedSteps);
    }

    private async Task<string[]> NamesAsync(RunId run) =>
        (string[])((RedisResult[])(await ExecuteAsync(db =>
            db.Multiplexer.GetServer(KeysOf(run).Run).ExecuteAsync("SCAN", "0", "MATCH", $"*{run}*", "COUNT", "1000000")))!)[1]!;

    private async Task AssertEveryKeyExpiresAsync(RunId run, TimeSpan within, int keys)
    {
        var names = await NamesAsync(run);
        Assert.Equal(keys, names.Length);
        foreach (var name in names)
        {
            var left = await ExecuteAsync(db => db.KeyTimeToLiveAsync(name));
            Assert.True(left is not null, $"{name} never expires.");
            Assert.InRange(left.Value, within - TimeSpan.FromMinutes(1), within);
        }
    }

    private async Task AssertUnreadableAsync(NewRun run)
    {
        var error = await Assert.ThrowsAsync<UnreadableRecordException>(() =>
            Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd, LeaseEnd.AddSeconds(10)));
        Assert.Equal(2, error.Attempt);
        var end = await Store.EndAsync(new AttemptKey(run.Id, error.Attempt, OtherOwner), RunState.Failed,
            Make.Response("unreadable", 502), new RunPolicy());
        Assert.Equal(ParkVerdict.Done, end.Verdict);
        Assert.Equal(502, (await Store.GetResultAsync(run.Id))!.Status);
    }

    private static async Task<T[]> TogetherAsync<T>(IReadOnlyList<StoreNode> nodes, Func<IRunStore, int, Task<T>> call)
    {
        using var start = new Barrier(nodes.Count);
        return await Task.WhenAll(nodes.Select((node, i) => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait();
                return call(node.Store, i);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()));
    }

    private static void AssertSame(StoredRequest expected, StoredRequest actual)
    {
        static StoredRequest Plain(StoredRequest request) => request with { Headers = [], RouteValues = [], Body = default };
        Assert.Equal(Plain(expected), Plain(actual));
        Assert.Equal(expected.Headers, actual.Headers);
        Assert.Equal(expected.RouteValues, actual.RouteValues);
        Assert.Equal(expected.Body.ToArray(), actual.Body.ToArray());
    }

    private static void AssertSame(StepOutcome expected, StepOutcome actual)
    {
        Assert.Equal(expected with { Body = default }, actual with { Body = default });
        Assert.Equal(expected.Body.ToArray(), actual.Body.ToArray());
    }

    private static void AssertSame(StoredResponse expected, StoredResponse actual)
    {
        Assert.Equal(expected.Status, actual.Status);
        Assert.Equal(expected.Headers, actual.Headers);
        Assert.Equal(expected.Trailers ?? [], actual.Trailers ?? []);
        Assert.Equal(expected.Body.ToArray(), actual.Body.ToArray());
    }
}
