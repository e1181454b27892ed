using DurableGateway.Configuration;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>Large writes on a link that is slow or that loses answers.</summary>
public sealed class BulkConnectionTests : IAsyncLifetime
{
    private const string Owner = "node-a";
    private const int Bytes = 512 * 1024;
    private const long Fast = 1L << 30;

    private static readonly string Large = new('x', Bytes);

    private RedisServer _redis = null!;

    public async ValueTask InitializeAsync()
    {
        RedisServer.SkipIfMissing();
        _redis = await RedisServer.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_redis is not null) await _redis.DisposeAsync();
    }

    [Theory]
    [InlineData("request")]
    [InlineData("step")]
    [InlineData("result")]
    [InlineData("delivery")]
    public async Task RecordArrived_AndItsAnswerWasLost_ItIsAskedFor_AndNotSentAgain(string kind)
    {
        await using var link = SlowLink.To(_redis, Fast);
        await using var node = await StoreNode.OpenAsync(Settings(link));
        var run = Make.Run();
        if (kind != "request") await node.Store.CreateRunningAsync(run, Owner, Now.AddMinutes(1));
        if (kind == "delivery")
            await node.WaitService.AwaitAsync(new Waiter(run.Id, "a"), new Fence(1, 0), WaitKind.Callback,
                10, null, null, Make.Failure("a"));
        var before = link.Sent;

        link.LosesAnswersAfter = Bytes;
        var error = await Assert.ThrowsAsync<StoreUnavailableException>(WriteAsync);
        Assert.True(error is { MayHaveHappened: true, CarriesMuch: true }, error.Message);
        Assert.True(await WriteAsync());

        Assert.InRange(link.Sent - before, Bytes, Bytes * 3L / 2);
        await Eventually.TrueAsync(() => link.Broken == 1, "the connection is closed");

        async Task<bool> WriteAsync() => kind switch
        {
            "request" => await node.Store.CreateRunningAsync(run with { Request = Make.Request(new byte[Bytes]) },
                Owner, Now.AddMinutes(1)),
            "step" => (await node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", Large), 10)).Verdict == StepVerdict.Stored,
            "result" => (await EndAsync(node, run)).Verdict == ParkVerdict.Done,
            _ => (await node.WaitService.DeliverAsync(run.Id, WaitKind.Callback, Make.Outcome("a", Large), null, 0)).Verdict
                == DeliveryVerdict.Done,
        };
    }

    [Fact]
    public async Task RecordDoesNotArriveInTime_ItsConnectionIsClosed_AndTheNextOneIsNotDelayed()
    {
        // The record would take 8 s. Its call may take 3 s.
        await using var link = SlowLink.To(_redis, Bytes / 8);
        await using var node = await StoreNode.OpenAsync(Settings(link) with { Lease = TimeSpan.FromSeconds(4) });
        var run = Make.Run();
        await node.Store.CreateRunningAsync(run, Owner, Now.AddMinutes(1));

        var write = EndAsync(node, run);
        await Eventually.TrueAsync(() => link.Carrying > 0, "the record is on its way");
        Assert.True(await node.Store.RenewAsync(new AttemptKey(run.Id, 1, Owner), Now.AddMinutes(1)));
        var error = await Assert.ThrowsAsync<StoreUnavailableException>(() => write);
        Assert.True(error is { MayHaveHappened: true, CarriesMuch: true }, error.Message);
        await Eventually.TrueAsync(() => link.Carrying == 0, "the connection is closed");
        Assert.InRange(link.Sent, 1, Bytes);

        link.BytesPerSecond = Fast;
        Assert.Equal(ParkVerdict.Done, (await EndAsync(node, run)).Verdict);
    }

    /// <summary>The last request waits for longer than the lease that it gets without the wait.</summary>
    [Fact]
    public async Task LargeRequestsThatWaitForTheirTurn_HaveALeaseWhenTheyAreStored()
    {
        const int Count = 16;
        var lease = TimeSpan.FromSeconds(4);
        await using var link = SlowLink.To(_redis, Count * Bytes / 8);
        await using var node = await StoreNode.OpenAsync(Settings(link) with { Lease = 4 * lease });

        var leases = await Task.WhenAll(Enumerable.Range(0, Count).Select(async shard =>
        {
            // Each request has its own shard, and is first in the shard's queue.
            var run = Make.Run(request: Make.Request(new byte[Bytes]));
            while (run.Id.Shard(StoreFixture.Shards) != shard) run = run with { Id = Make.RunId() };
            await node.Store.CreateRunningAsync(run, Owner, Now + lease);
            var due = await node.Store.GetNextDueAsync(shard);
            return due - Now;
        }));

        Assert.All(leases, left => Assert.True(left > TimeSpan.Zero, $"{left} are left of a lease of {lease}."));
    }

    [Fact]
    public async Task EmbeddedStore_HasNoLanes()
    {
        await using var service = await TestService.StartAsync((_, _) => Task.CompletedTask);
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        var connection = (StoreConnection)gateway.Services.GetService(typeof(StoreConnection))!;
        await connection.Opened;
        Assert.False(connection.IsLarge(long.MaxValue));
    }

    private static Task<ParkAnswer> EndAsync(StoreNode node, NewRun run) =>
        node.Store.EndAsync(new AttemptKey(run.Id, 1, Owner), RunState.Completed, Make.Response(Large), new RunPolicy());

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    private static GatewaySettings Settings(SlowLink link) =>
        StoreFixture.Settings(link.ConnectionString) with { Lease = TimeSpan.FromSeconds(2) };
}
