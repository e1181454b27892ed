using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace DurableGateway.Tests.Storage;

/// <summary>When the index is updated with the changes of runs.</summary>
public sealed class RunIndexWriterTests(EmbeddedStoreFixture fixture) : IClassFixture<EmbeddedStoreFixture>
{
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());

    [Fact]
    public async Task RunThatEnded_IsInTheListsOfItsLastStateOnly()
    {
        var run = await RunningAsync();
        await fixture.Node.Index.FlushAsync();
        Assert.Equal([RunState.Running], await StatesAsync(run));
        await EndAsync(run);
        Assert.Equal([RunState.Running], await StatesAsync(run));
        await fixture.Node.Index.FlushAsync();
        Assert.Equal([RunState.Completed], await StatesAsync(run));
    }

    /// <summary>The test sets a mark again, as an interrupted call would leave it.</summary>
    [Fact]
    public async Task RunThatIsMarkedAgain_StaysInItsLists()
    {
        var run = await RunningAsync();
        await fixture.Node.Index.FlushAsync();
        await EndAsync(run);
        await fixture.Node.Index.FlushAsync();
        var keys = new StoreKeys(run.Id, StoreFixture.Shards);
        await ExecuteAsync(db => db.SortedSetAddAsync(keys[ScriptKey.Unlisted], run.Id.ToString(), 1));
        await fixture.Node.Index.FlushAsync();
        Assert.Equal([RunState.Completed], await StatesAsync(run));
        Assert.Null(await MarkAsync(run));
    }

    /// <summary>The call has written the run's field, and not its lists. The list of an earlier state may still have the run.</summary>
    [Fact]
    public async Task UpdateThatWasInterrupted_IsMadeAgain()
    {
        var run = await RunningAsync();
        await fixture.Node.Index.FlushAsync();
        var shard = run.Id.Shard(StoreFixture.Shards);
        foreach (var (state, isListed) in new[] { (RunState.Running, false), (RunState.Waiting, true) })
        {
            foreach (var list in new[] { RunIndex.Of(state), RunIndex.Of(state, run.Route) })
            {
                var key = StoreKeys.InShard(shard, list);
                await ExecuteAsync(db => isListed
                    ? db.SortedSetAddAsync(key, run.Id.ToString(), 1)
                    : db.SortedSetRemoveAsync(key, run.Id.ToString()));
            }
        }

        Assert.Equal([RunState.Waiting], await StatesAsync(run));
        await ExecuteAsync(db =>
            db.SortedSetAddAsync(new StoreKeys(run.Id, StoreFixture.Shards)[ScriptKey.Unlisted], run.Id.ToString(), 1));
        await fixture.Node.Index.FlushAsync();
        Assert.Equal([RunState.Running], await StatesAsync(run));
    }

    [Fact]
    public async Task RunThatHasExpired_LeavesTheLists_AlsoIfNoNewRunComes()
    {
        using var writer = new RunIndexWriter(fixture.Node.Connection, new UnlistedRuns(StoreFixture.Shards), _time);
        var run = await RunningAsync();
        await writer.FlushAsync();
        Assert.Equal([RunState.Running], await StatesAsync(run));
        await ExecuteAsync(db => db.KeyDeleteAsync(new StoreKeys(run.Id, StoreFixture.Shards).Run));
        _time.Advance(run.Policy.Lifetime + TimeSpan.FromDays(1));
        await writer.StartAsync(TestContext.Current.CancellationToken);
        var looks = 0;
        await Eventually.TrueAsync(async () =>
        {
            looks++;
            _time.Advance(TimeSpan.FromSeconds(1));
            return (await StatesAsync(run)).Length == 0;
        }, "the lists no longer have the run");

        // That is before the sweep for what other nodes have left, which comes with every six hundredth look.
        Assert.InRange(looks, 1, 500);
        await writer.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task EntryThatIsNoRun_DoesNotStayAtTheHead()
    {
        var run = await RunningAsync();
        var marks = new StoreKeys(run.Id, StoreFixture.Shards)[ScriptKey.Unlisted];
        await ExecuteAsync(db => db.SortedSetAddAsync(marks, "nonsense", 0));
        await fixture.Node.Index.FlushAsync();
        Assert.Equal(0, await ExecuteAsync(db => db.SortedSetLengthAsync(marks)));
        Assert.Equal([RunState.Running], await StatesAsync(run));
    }

    [Fact]
    public async Task KeyThatIsNoHash_KeepsNoOtherRunFromTheIndex()
    {
        var (broken, run) = (Make.Run(), await RunningAsync());
        while (broken.Id.Shard(StoreFixture.Shards) != run.Id.Shard(StoreFixture.Shards)) broken = broken with { Id = Make.RunId() };
        var keys = new StoreKeys(broken.Id, StoreFixture.Shards);
        await ExecuteAsync(db => db.StringSetAsync(keys.Run, "x", TimeSpan.FromMinutes(1)));
        await ExecuteAsync(db => db.SortedSetAddAsync(keys[ScriptKey.Unlisted], broken.Id.ToString(), 0));
        await fixture.Node.Index.FlushAsync();
        Assert.Equal([RunState.Running], await StatesAsync(run));
        Assert.Null(await MarkAsync(broken));
    }

    [Fact]
    public async Task FewChanges_WaitForOthers_AndAreListedInTheEnd()
    {
        var unlisted = new UnlistedRuns(StoreFixture.Shards);
        using var writer = new RunIndexWriter(fixture.Node.Connection, unlisted, _time);
        await writer.StartAsync(TestContext.Current.CancellationToken);
        var run = await RunningAsync();
        unlisted.Add(run.Id);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.NotNull(await MarkAsync(run));
        await Eventually.TrueAsync(async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return await MarkAsync(run) is null;
        }, "the index shows the run");
        Assert.Equal([RunState.Running], await StatesAsync(run));
        await writer.StopAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>A call announces its change before it makes it, so an update of the index can come between the two.</summary>
    [Fact]
    public async Task ChangeThatIsMadeAfterTheUpdate_IsListedByTheNextOne()
    {
        const int LooksBeforeTheSweep = 400;
        var unlisted = new UnlistedRuns(StoreFixture.Shards);
        using var writer = new RunIndexWriter(fixture.Node.Connection, unlisted, _time);
        await writer.StartAsync(TestContext.Current.CancellationToken);
        var run = Make.Run() with { Route = $"route-{Guid.NewGuid()}" };
        unlisted.Add(run.Id);
        await writer.FlushAsync();
        await fixture.Store.CreateRunningAsync(run, "node", Make.Start);

        var looks = 0;
        await Eventually.TrueAsync(async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.True(++looks < LooksBeforeTheSweep, "Only the sweep finds the mark.");
            return await MarkAsync(run) is null;
        }, "the index shows the run");
        await writer.StopAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>This node does not know of the change, as if the node that made it had died.</summary>
    [Fact]
    public async Task ChangesOfAnotherNode_AreListed()
    {
        using var writer = new RunIndexWriter(fixture.Node.Connection, new UnlistedRuns(StoreFixture.Shards), _time);
        await writer.StartAsync(TestContext.Current.CancellationToken);
        var run = await RunningAsync();
        await Eventually.TrueAsync(async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return await MarkAsync(run) is null;
        }, "the index shows the run");
        await writer.StopAsync(TestContext.Current.CancellationToken);
    }

    private async Task<NewRun> RunningAsync()
    {
        var run = Make.Run() with { Route = $"route-{Guid.NewGuid()}" };
        await fixture.Store.CreateRunningAsync(run, "node", Make.Start);
        return run;
    }

    private Task<ParkAnswer> EndAsync(NewRun run) =>
        fixture.Store.EndAsync(new AttemptKey(run.Id, 1, "node"), RunState.Completed, Make.Response(), run.Policy);

    private async Task<RunState[]> StatesAsync(NewRun run)
    {
        var shard = run.Id.Shard(StoreFixture.Shards);
        var states = new List<RunState>();
        foreach (var state in Enum.GetValues<RunState>())
        {
            var ofRoute = await ScoreAsync(RunIndex.Of(state, run.Route));
            Assert.Equal(ofRoute, await ScoreAsync(RunIndex.Of(state)));
            if (ofRoute is not null) states.Add(state);
        }

        return [.. states];

        Task<double?> ScoreAsync(string index) =>
            ExecuteAsync(db => db.SortedSetScoreAsync(StoreKeys.InShard(shard, index), run.Id.ToString()));
    }

    private Task<double?> MarkAsync(NewRun run) =>
        ExecuteAsync(db => db.SortedSetScoreAsync(new StoreKeys(run.Id, StoreFixture.Shards)[ScriptKey.Unlisted], run.Id.ToString()));

    private Task<T> ExecuteAsync<T>(Func<IDatabase, Task<T>> command) => fixture.Node.Connection.ExecuteAsync(command);
}
