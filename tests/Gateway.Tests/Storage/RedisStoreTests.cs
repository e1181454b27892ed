using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>The contract on a real Redis, and the behavior when Redis becomes unavailable.</summary>
public sealed class RedisStoreTests : StoreContract, IClassFixture<RedisStoreFixture>
{
    public RedisStoreTests(RedisStoreFixture fixture) : base(fixture) => RedisServer.SkipIfMissing();

    [Fact]
    public async Task ServerGoes_CallsFailAtOnce_AndSucceedAgainWhenItIsBack()
    {
        await using var server = await RedisServer.StartAsync();
        await using var node = await StoreNode.OpenAsync(StoreFixture.Settings(server.ConnectionString));
        var run = Make.Run();
        await node.Store.CreateRunningAsync(run, "owner", Make.Start);
        await server.KillAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), 10).WaitAsync(TimeSpan.FromSeconds(60)));
        await Eventually.TrueAsync(() => !node.Connection.IsReady, "the connection notices");

        await server.StartAgainAsync();
        await Eventually.TrueAsync(() => node.Connection.IsReady, "the connection is back");
        Assert.Equal(StepVerdict.Unknown, (await node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), 10)).Verdict);
    }

    [Fact]
    public async Task ServerIsNotThereYet_GatewayStartsWithoutIt_AndFindsItLater()
    {
        await using var server = await RedisServer.StartAsync();
        await server.KillAsync();
        var keys = new DurableGateway.Protocol.KeyRing();
        await using var connection = new StoreConnection(
            StoreFixture.Settings(server.ConnectionString), keys, new StoreClock(TimeProvider.System),
            Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
        await connection.StartAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.False(connection.IsReady);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => connection.ExecuteAsync(db => db.PingAsync()));
        await server.StartAgainAsync();
        await connection.Opened.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(connection.IsReady);
        Assert.True(keys.IsReady);
    }
}
