using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>The figures of runs and queues that readers see.</summary>
public abstract partial class StoreContract
{
    [Fact]
    public async Task Origin_IsWhatTheRunWasCreatedWith()
    {
        var run = await RunningAsync(new RunPolicy { Name = "orders-policy" });

        Assert.Equal(
            new RunOrigin("orders", "orders-policy", 1, Make.Start, run.Request.TraceParent), await Store.GetOriginAsync(run.Id));
        Assert.Null(await Store.GetOriginAsync(Make.RunId()));
    }

    [Fact]
    public async Task Claim_SaysWhenTheRunWasDue()
    {
        var run = Make.Run();
        await Store.CreateWaitingAsync(run, Owner, Now.AddSeconds(7));

        Assert.Equal(Now.AddSeconds(7), (await Store.ClaimAsync(run.Id, OtherOwner, Now.AddMinutes(1), Now.AddMinutes(2)))!.DueAt);
    }

    /// <summary>The run is listed like any other, and the claim detects it. The runs behind it must not wait for it.</summary>
    [Fact]
    public async Task DueRunWhoseKeyIsSomethingElse_IsNamed_AndClaimingItSaysSo()
    {
        var early = DateTimeOffset.FromUnixTimeMilliseconds(500);
        var (broken, sound) = (InShard(3), InShard(3));
        await Store.CreateWaitingAsync(broken, Owner, early);
        await Store.CreateWaitingAsync(sound, Owner, early.AddMilliseconds(1));
        await ExecuteAsync(db => db.KeyDeleteAsync(KeysOf(broken.Id).Run));
        await ExecuteAsync(db => db.StringSetAsync(KeysOf(broken.Id).Run, "foreign"));

        var due = await Store.GetDueAsync(3, early.AddMilliseconds(1), Plenty, []);

        Assert.Equal([new DueRun(broken.Id, "", ""), new DueRun(sound.Id, sound.Route, "")], due.Runs);
        await Assert.ThrowsAsync<UnreadableRecordException>(() => Store.ClaimAsync(broken.Id, Owner, Now, LeaseEnd));
        foreach (var run in new[] { broken, sound }) await Store.SetAsideAsync(run.Id);
    }

    [Fact]
    public async Task QueueFigures_CountWhatIsThere_AndNameTheFirst()
    {
        // Other tests park runs in the same store, but none of them is due as early as these.
        var early = DateTimeOffset.FromUnixTimeMilliseconds(1000);
        var before = await Store.GetQueueFiguresAsync(early);
        var (first, second) = (Make.Run(), Make.Run());
        await Store.CreateWaitingAsync(first, Owner, early);
        await Store.CreateWaitingAsync(second, Owner, early.AddMilliseconds(1));

        var figures = await Store.GetQueueFiguresAsync(early);

        Assert.Equal(new QueueFigures(figures.Open, before.Overdue + 1, early, before.Queued), figures);
        Assert.True(figures.Open >= 2);
        foreach (var run in new[] { first, second }) await Store.SetAsideAsync(run.Id);
        Assert.Equal(before.Overdue, (await Store.GetQueueFiguresAsync(early.AddMilliseconds(1))).Overdue);
    }

    [Fact]
    public async Task Counts_AddUp_AndAreNotKeptForEver()
    {
        var counters = new RouteCountStore(fixture.Node.Connection);
        var minute = 60L * Random.Shared.Next(1, int.MaxValue);
        for (var i = 0; i < 2; i++)
            await counters.AddAsync([KeyValuePair.Create((minute, "a"), 2L), KeyValuePair.Create((minute, "b"), 1L),
                KeyValuePair.Create((minute + 60, "a"), 5L)]);
        var counts = await counters.GetAsync([minute, minute + 60]);
        Assert.Equal((4, 2, 10), (counts[minute]["a"], counts[minute]["b"], counts[minute + 60]["a"]));
        var left = await ExecuteAsync(db => db.KeyTimeToLiveAsync(StoreKeys.InShard(0, $"ct:{minute}")));
        Assert.InRange(left!.Value, TimeSpan.FromMinutes(60), TimeSpan.FromMinutes(65));
    }
}
