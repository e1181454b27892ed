using DurableGateway.Configuration;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace DurableGateway.Tests.Storage;

/// <summary>The contract on the embedded store, and what only the embedded store guarantees.</summary>
public sealed class EmbeddedStoreTests(EmbeddedStoreFixture fixture) : StoreContract(fixture), IClassFixture<EmbeddedStoreFixture>
{
    [Fact]
    public async Task OpenedAgain_StillHasItsRunsAndItsKey()
    {
        var directory = Directory.CreateTempSubdirectory("durable-store-").FullName;
        try
        {
            var (parked, ended) = (Make.Run(), Make.Run());
            await using (var node = await StoreNode.OpenAsync(StoreFixture.Settings(null, directory)))
            {
                await node.Store.CreateWaitingAsync(parked, "node-a", Make.Start);
                await node.Store.StoreOutcomeAsync(parked.Id, 1, Make.Outcome("a", "kept"), 10);
                await node.Store.CreateRunningAsync(ended, "owner", Make.Start);
                await node.Store.EndAsync(new AttemptKey(ended.Id, 1, "owner"), RunState.Completed, Make.Response("result"), ended.Policy);
            }

            await using (var node = await StoreNode.OpenAsync(StoreFixture.Settings(null, directory)))
            {
                var claimed = (await node.Store.ClaimAsync(parked.Id, "other", Make.Start, Make.Start.AddSeconds(10)))!;
                Assert.Equal(parked.Request.Body.ToArray(), claimed.Request!.Body.ToArray());
                Assert.Equal("kept"u8.ToArray(), Assert.Single(claimed.Steps).Body.ToArray());
                Assert.Equal("result"u8.ToArray(), (await node.Store.GetResultAsync(ended.Id))!.Body.ToArray());
            }

            await Assert.ThrowsAsync<ConfigurationException>(() => StoreNode.OpenAsync(StoreFixture.Settings(null, directory, shards: 8)));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public void DirectoryInUse_IsAnErrorOfConfiguration()
    {
        var directory = Directory.CreateTempSubdirectory("durable-store-").FullName;
        try
        {
            using (new FileStream(Path.Combine(directory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
            {
                var error = Assert.Throws<ConfigurationException>(() => EmbeddedServer.Start(directory, NullLoggerFactory.Instance));
                Assert.Equal(("Durable:Store:DataDirectory", directory), (error.Errors[0].Key, error.Errors[0].Value));
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
