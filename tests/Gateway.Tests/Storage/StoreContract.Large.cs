using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>Large records have their own connection, and the gateway asks the store before it sends each of them.</summary>
public abstract partial class StoreContract
{
    private static readonly string Large = new('x', BulkConnections.Threshold + 1);

    [Fact]
    public async Task LargeRecords_AreStored_AndWhatIsThereAlreadyIsAnswered()
    {
        var run = Make.Run(request: Make.Request(new byte[Large.Length]));
        Assert.True(await Store.CreateRunningAsync(run, Owner, LeaseEnd));
        Assert.True(await Store.CreateRunningAsync(run, Owner, LeaseEnd));
        Assert.Equal(StepVerdict.Created, (await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", Large), Plenty)).Verdict);
        var repeated = await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", Large + "y"), Plenty);
        Assert.Equal((StepVerdict.Stored, Large), (repeated.Verdict, Text(repeated.Outcome!)));
        Assert.Equal(Large, Text(Assert.Single((await Store.GetStepsAsync(run.Id))!)));

        Assert.Equal(ParkVerdict.Lost, await EndAsync(new AttemptKey(run.Id, 1, OtherOwner)));
        Assert.Null(await Store.GetResultAsync(run.Id));
        Assert.Equal(ParkVerdict.Done, await EndAsync(Key(run)));
        Assert.Equal(ParkVerdict.Done, await EndAsync(Key(run)));
        Assert.Equal(Large.Length, (await Store.GetResultAsync(run.Id))!.Body.Length);
        Assert.False(await Store.CreateRunningAsync(run, Owner, LeaseEnd));

        async Task<ParkVerdict> EndAsync(AttemptKey attempt) =>
            (await Store.EndAsync(attempt, RunState.Completed, Make.Response(Large), new RunPolicy())).Verdict;
    }

    [Fact]
    public async Task LargeRequest_OfAKeyThatIsTaken_IsRefused()
    {
        var first = Make.Run(request: Make.Request(new byte[Large.Length])) with
        {
            Idempotency = new IdempotencyMark(new string('k', 22), "print")
        };
        Assert.True(await Store.CreateRunningAsync(first, Owner, LeaseEnd));
        var second = first with { Id = Make.RunId() };
        while (second.Id.Shard(StoreFixture.Shards) != first.Id.Shard(StoreFixture.Shards)) second = second with { Id = Make.RunId() };
        var taken = await Assert.ThrowsAsync<IdempotencyKeyTakenException>(() => Store.CreateRunningAsync(second, Owner, LeaseEnd));
        Assert.Equal(first.Id, taken.Taken.Run);
    }

    [Fact]
    public async Task LargeOutcome_ThatIsDelivered_CompletesItsStepOnce()
    {
        var run = await RunningAsync();
        var waits = fixture.Node.WaitService;
        await waits.AwaitAsync(new Waiter(run.Id, "a"), Key(run).Fence, WaitKind.Callback, Plenty, null, null, Make.Failure("a"));
        Assert.Equal(DeliveryVerdict.Woken,
            (await waits.DeliverAsync(run.Id, WaitKind.Callback, Make.Outcome("a", Large), null, 0)).Verdict);
        Assert.Equal(DeliveryVerdict.Done,
            (await waits.DeliverAsync(run.Id, WaitKind.Callback, Make.Outcome("a", Large), null, 0)).Verdict);
        Assert.Equal(Large, Text(Assert.Single((await Store.GetStepsAsync(run.Id))!)));
    }
}
