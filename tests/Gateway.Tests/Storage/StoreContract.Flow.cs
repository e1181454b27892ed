using System.Text;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Storage;

/// <summary>Concurrency limits, rate limits, topics and streams: what runs share, or what is stored beside them.</summary>
public abstract partial class StoreContract
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);

    private FlowStore Flow => fixture.Node.Flow;
    private static DateTimeOffset Today => TimeProvider.System.GetUtcNow();

    private static ConcurrencyLimit NewLimit(int limit, int place = 0) => new(Topic.Hash(Guid.NewGuid().ToString()), limit, place);

    [Fact]
    public async Task ConcurrencyLimit_LetsInAsManyAsItMay_AndTheNextWhenOneLeaves()
    {
        var limit = NewLimit(2);
        var before = (await Store.GetQueueFiguresAsync(Now)).Queued;
        var runs = Enumerable.Range(0, 4).Select(_ => Make.RunId()).ToArray();
        for (var i = 0; i < 4; i++)
        {
            var answer = await Flow.EnterAsync(limit with { Order = i }, runs[i], "a", Today + Long, Long);
            Assert.Equal((i < 2, Math.Max(0, i - 2)), (answer.IsIn, answer.Before));
            Assert.Empty(answer.Woken);
        }

        Assert.Equal(before + 2, (await Store.GetQueueFiguresAsync(Now)).Queued);
        Assert.True((await Flow.EnterAsync(limit, runs[0], "a", Today + Long, Long)).IsIn);
        Assert.False((await Flow.EnterAsync(limit with { Order = 3 }, runs[3], "a", Today + Long, Long)).IsIn);
        Assert.Equal([runs[2]], await Flow.LeaveAsync(limit, runs[1], "a"));
        Assert.True((await Flow.EnterAsync(limit with { Order = 2 }, runs[2], "a", Today + Long, Long)).IsIn);
        Assert.Equal([runs[3]], await Flow.LeaveAsync(limit, runs[0], "a"));
        Assert.Empty(await Flow.LeaveAsync(limit, runs[2], "a"));
        Assert.Equal(before, (await Store.GetQueueFiguresAsync(Now)).Queued);
    }

    [Fact]
    public async Task ConcurrencyLimit_OneWhoseLeaseRanOutHasLeft_AndThoseInTheQueueGoFirst()
    {
        var limit = NewLimit(1);
        var (gone, waits, comes) = (Make.RunId(), Make.RunId(), Make.RunId());
        Assert.True((await Flow.EnterAsync(limit, gone, "a", Today + TimeSpan.FromSeconds(2), Long)).IsIn);
        Assert.False((await Flow.EnterAsync(limit with { Order = 1 }, waits, "a", Today + Long, Long)).IsIn);
        await Eventually.TrueAsync(async () =>
        {
            var answer = await Flow.EnterAsync(limit with { Order = 2 }, comes, "a", Today + Long, Long);
            Assert.False(answer.IsIn);
            return answer.Woken.SequenceEqual([waits]);
        }, "the one in the queue is told");
        Assert.True((await Flow.EnterAsync(limit with { Order = 1 }, waits, "a", Today + Long, Long)).IsIn);
    }

    /// <summary>Two nodes that see the same due run both get a permit. The node that loses the claim returns its permit.</summary>
    [Fact]
    public async Task ConcurrencyLimit_PermitsOfOneRun_ShareOnePlace_WhichIsLeftWithTheLast()
    {
        var limit = NewLimit(1);
        var (run, other) = (Make.RunId(), Make.RunId());
        Assert.True((await Flow.EnterAsync(limit, run, "a", Today + Long, Long)).IsIn);
        Assert.True((await Flow.EnterAsync(limit, run, "b", Today + Long, Long)).IsIn);
        Assert.False((await Flow.EnterAsync(limit with { Order = 1 }, other, "c", Today + Long, Long)).IsIn);
        Assert.Empty(await Flow.LeaveAsync(limit, run, "b"));
        Assert.Empty(await Flow.LeaveAsync(limit, run, "b"));
        Assert.Empty(await Flow.LeaveAsync(limit, run, permit: ""));
        Assert.Equal([other], await Flow.LeaveAsync(limit, run, "a"));
    }

    [Fact]
    public async Task ConcurrencyLimit_PlaceThatNobodyComesFor_GoesToTheNext()
    {
        var limit = NewLimit(1);
        var (first, gone, next) = (Make.RunId(), Make.RunId(), Make.RunId());
        await Flow.EnterAsync(limit, first, "a", Today + Long, Long);
        await Flow.EnterAsync(limit with { Order = 1 }, gone, "b", Today + Long, Long);
        await Flow.EnterAsync(limit with { Order = 2 }, next, "c", Today + Long, Long);
        Assert.Equal([gone], await Flow.LeaveAsync(limit, first, "a"));
        Assert.Equal([next], await Flow.LeaveAsync(limit, gone, permit: ""));
        Assert.True((await Flow.EnterAsync(limit, next, "c", Today + Long, Long)).IsIn);
    }

    /// <summary>A set that becomes empty is deleted, together with its expiry.</summary>
    [Fact]
    public async Task ConcurrencyLimit_NoneOfItsKeys_IsKeptForEver()
    {
        var limit = NewLimit(1);
        var (first, second, third) = (Make.RunId(), Make.RunId(), Make.RunId());
        await Flow.EnterAsync(limit, first, "a", Today + Long, Long);
        await Flow.EnterAsync(limit with { Order = 1 }, second, "b", Today + Long, Long);
        await Flow.EnterAsync(limit with { Order = 2 }, third, "c", Today + Long, Long);
        await Flow.LeaveAsync(limit, first, "a");
        await AssertKeysExpireAsync();
        await Flow.LeaveAsync(limit, second, permit: "");
        await AssertKeysExpireAsync();
        await Flow.LeaveAsync(limit, third, permit: "");
        await Flow.KeepAsync(limit, second, "b", Today + Long);
        await AssertKeysExpireAsync();

        async Task AssertKeysExpireAsync()
        {
            var answers = await ExecuteAsync(db => Task.WhenAll(db.Multiplexer.GetServers().Select(server =>
                server.ExecuteAsync("SCAN", "0", "MATCH", $"*{limit.Name}*", "COUNT", "1000000"))));
            var names = answers.SelectMany(answer => (string[])((RedisResult[])answer!)[1]!).ToArray();
            Assert.NotEmpty(names);
            foreach (var name in names) Assert.NotNull(await ExecuteAsync(db => db.KeyTimeToLiveAsync(name)));
        }
    }

    [Fact]
    public async Task Postponed_RunWhoseTurnHasComeSince_StaysDue()
    {
        var run = Make.Run();
        var (due, later) = (Today, Today.AddHours(1));
        await Store.CreateDueAsync(run, Owner, due);
        Assert.Equal(later.ToUnixTimeMilliseconds(), (await Flow.PostponeAsync(run.Id, later))?.ToUnixTimeMilliseconds());
        Assert.Null(await Flow.PostponeAsync(run.Id, later));
        Assert.True(await Flow.WakeAsync(run.Id));
        var woken = await Flow.PostponeAsync(run.Id, later);
        Assert.InRange(woken!.Value, due.AddSeconds(-1), later.AddMinutes(-50));

        // The mark is valid for one turn: after it is used, the run can be postponed again.
        Assert.Equal(later.ToUnixTimeMilliseconds(), (await Flow.PostponeAsync(run.Id, later))?.ToUnixTimeMilliseconds());
        Assert.True(await Flow.WakeAsync(run.Id));
        var claimed = await Store.ClaimAsync(run.Id, Owner, Today.AddSeconds(5), Today.AddSeconds(15));
        await Store.FailAsync(new AttemptKey(run.Id, claimed!.Attempt, Owner), 0, Today.AddSeconds(-5));
        Assert.Equal(later.ToUnixTimeMilliseconds(), (await Flow.PostponeAsync(run.Id, later))?.ToUnixTimeMilliseconds());
    }

    [Fact]
    public async Task Postponed_RunOfANodeThatHasDied_IsWokenAllTheSame()
    {
        var run = Make.Run();
        await Store.CreateRunningAsync(run, Owner, Today.AddSeconds(-1));
        Assert.NotNull(await Flow.PostponeAsync(run.Id, Today.AddHours(1)));
        Assert.True(await Flow.WakeAsync(run.Id));
        Assert.NotNull(await Store.ClaimAsync(run.Id, OtherOwner, Today.AddSeconds(5), Today.AddSeconds(15)));
    }

    /// <summary>
    /// A node that had lost the store reconnects before another node takes over its run: the run continues as if nothing had happened.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Postponed_RunWhoseAttemptIsAlive_IsNotTakenFromIt(bool isCreatedAgain)
    {
        var run = Make.Run();
        await Store.CreateRunningAsync(run, Owner, Today.AddSeconds(-1));
        Assert.NotNull(await Flow.PostponeAsync(run.Id, Today.AddHours(1)));
        Assert.True(isCreatedAgain
            ? await Store.CreateRunningAsync(run, Owner, Today + Long)
            : await Store.RenewAsync(Key(run), Today + Long));

        Assert.True(await Flow.WakeAsync(run.Id));
        Assert.Null(await Store.ClaimAsync(run.Id, OtherOwner, Today.AddSeconds(5), Today.AddSeconds(15)));
        Assert.True(await Store.RenewAsync(Key(run), Today + Long));
    }

    [Fact]
    public async Task ConcurrencyLimit_RunThatIsInAgain_WaitsNoLonger()
    {
        var limit = NewLimit(1);
        var before = (await Store.GetQueueFiguresAsync(Now)).Queued;
        var (run, other, third) = (Make.RunId(), Make.RunId(), Make.RunId());
        Assert.True((await Flow.EnterAsync(limit, run, "a", Today.AddSeconds(-1), Long)).IsIn);
        Assert.True((await Flow.EnterAsync(limit with { Order = 1 }, other, "b", Today + Long, Long)).IsIn);
        Assert.False((await Flow.EnterAsync(limit, run, "c", Today + Long, Long)).IsIn);

        await Flow.KeepAsync(limit, run, "a", Today + Long);
        Assert.Equal(before, (await Store.GetQueueFiguresAsync(Now)).Queued);
        Assert.Empty(await Flow.LeaveAsync(limit, other, "b"));
        Assert.False((await Flow.EnterAsync(limit with { Order = 2 }, third, "d", Today + Long, Long)).IsIn);
        Assert.Equal([third], await Flow.LeaveAsync(limit, run, "a"));
    }

    [Fact]
    public async Task Woken_RunThatIsPaused_IsNotWaitedFor()
    {
        var run = Make.Run();
        await Store.CreateDueAsync(run, Owner, Today);
        await fixture.Node.Operations.ActAsync(run.Id, "pause", "");
        Assert.False(await Flow.WakeAsync(run.Id));
    }

    [Fact]
    public async Task Rate_GivesEachStartItsTime_AndTheSameWhenAskedAgain()
    {
        var rate = Topic.Hash(Guid.NewGuid().ToString());
        var window = TimeSpan.FromMinutes(1);
        var runs = Enumerable.Range(0, 5).Select(_ => Make.RunId()).ToArray();
        var starts = new List<DateTimeOffset>();
        foreach (var run in runs) starts.Add(await Flow.ReserveAsync(rate, run, 2, window));
        Assert.True(starts[1] - starts[0] < window);
        Assert.Equal([starts[0] + window, starts[1] + window, starts[0] + (2 * window)], starts[2..]);
        Assert.Equal(starts[3], await Flow.ReserveAsync(rate, runs[3], 2, window));
        await Flow.GiveBackAsync(rate, runs[4]);
        Assert.Equal(starts[4], await Flow.ReserveAsync(rate, Make.RunId(), 2, window));
    }

    [Fact]
    public async Task Stream_KeepsEachEventOnce_AndOnlyFromItsOwner()
    {
        var run = await RunningAsync();
        var streams = fixture.Node.Streams;
        var head = Make.Response("") with { Status = 200 };
        Task<StreamVerdict> SayAsync(AttemptKey key, params string[] events) => streams.AppendAsync(key, head,
            [.. events.Select(one => new StreamEvent(one.Split(':')[0], Encoding.UTF8.GetBytes(one)))], 10_000);
        Assert.Equal(StreamVerdict.Kept, await SayAsync(Key(run), "1:a", "2:b"));
        Assert.Equal(StreamVerdict.Kept, await SayAsync(Key(run), "2:b", "3:c", ":x", ":x"));
        Assert.Equal(StreamVerdict.Lost, await SayAsync(Key(run) with { Owner = OtherOwner }, "4:d"));
        Assert.Equal("1:a2:b3:c:x:x", Encoding.UTF8.GetString((await streams.ReadAllAsync(run.Id)).Span));
        Assert.Equal((2, 0), (await streams.FindAsync(run.Id, "2"), await streams.FindAsync(run.Id, "9")));
        Assert.Equal(200, (await streams.GetHeadAsync(run.Id))!.Status);
        var claimed = (await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd, LeaseEnd))!;
        Assert.Equal("3", claimed.LastEventId);
        Assert.Equal(StreamVerdict.Lost, await SayAsync(Key(run), "4:d"));
        Assert.Equal(StreamVerdict.Full,
            await streams.AppendAsync(new AttemptKey(run.Id, 2, OtherOwner), null, [new StreamEvent("5", new byte[20_000])], 10_000));
    }

    /// <summary>An operator may continue an ended run. The run may then wait for longer than its result was kept.</summary>
    [Fact]
    public async Task Stream_IsKeptForAsLongAsItsRun_AlsoWhenThatGoesOnAfterItsEnd()
    {
        var policy = new RunPolicy { Retention = TimeSpan.FromHours(1), RunTimeout = TimeSpan.FromDays(7) };
        var run = await RunningAsync(policy);
        var node = fixture.Node;
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        await node.Streams.AppendAsync(Key(run), Make.Response(), [new StreamEvent("1", "data: 1\n\n"u8.ToArray())], 10_000);
        await node.Streams.ExpireAsync(run.Id, policy.Retention);
        await Store.EndAsync(Key(run), RunState.Completed, Make.Response(), policy);
        var keys = new StoreKeys(run.Id, StoreFixture.Shards);
        Assert.InRange(await LeftAsync(keys.Stream), TimeSpan.FromMinutes(50), TimeSpan.FromHours(1));

        Assert.Equal("done", await node.Operations.ReviseAsync(run.Id, "a", null, policy, ""));

        foreach (var key in new[] { keys.Stream, keys.StreamIds, keys.Run })
            Assert.InRange(await LeftAsync(key), TimeSpan.FromDays(6), TimeSpan.FromDays(8));

        async Task<TimeSpan> LeftAsync(RedisKey key) =>
            (await node.Connection.ExecuteAsync(db => db.KeyTimeToLiveAsync(key))) ?? TimeSpan.MaxValue;
    }

    [Fact]
    public async Task Topic_GivesAnEventToThoseWhoWait_AndToThoseWhoComeLater()
    {
        var events = fixture.Node.Events;
        var topic = new Topic(Guid.NewGuid().ToString(), "7");
        var shard = events.ShardOf(topic);
        var early = new Waiter(Make.RunId(), "step with spaces");
        Assert.Empty(await events.ListenAsync(topic, early, Today + Long, Today, 0, 10));
        var published = new StoredEvent(StoredEvent.NameOf("/s", Guid.NewGuid().ToString()), topic, "text/plain", "hello"u8.ToArray());
        Assert.Equal(new Publication(true, 1), await events.PublishAsync(published, Today + Long));
        Assert.Equal(new Publication(false, 0), await events.PublishAsync(published, Today + Long));
        Assert.Equal([new Recipient(early.ToString(), AnyKey: false)], await events.GetRecipientsAsync(shard, published.Name, 10));
        Assert.False(await events.CrossOffAsync(shard, published.Name, [new Recipient(early.ToString(), AnyKey: false)], 1, Today + Long));
        Assert.Equal(new Publication(false, 1), await events.PublishAsync(published, Today + Long));

        var late = new Waiter(Make.RunId(), "s");
        Assert.Equal([published.Name], await events.ListenAsync(topic with { Key = null }, late, Today + Long, Today - Long, 0, 10));
        Assert.Empty(await events.ListenAsync(topic, late, Today + Long, Today + Long, 0, 10));
        var kept = (await events.GetAsync(shard, published.Name))!;
        Assert.Equal(("hello", topic), (Encoding.UTF8.GetString(kept.Data.Span), kept.Topic));
    }
}
