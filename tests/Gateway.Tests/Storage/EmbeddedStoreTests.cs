using System.Net;
using System.Net.Sockets;
using DurableGateway.Configuration;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

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

    /// <summary>The port is chosen first and used later, so another process may take it in between.</summary>
    [Fact]
    public async Task PortThatAnotherProcessTakes_IsReplaced_AndTheStoreIsWhole()
    {
        var directory = Directory.CreateTempSubdirectory("durable-store-").FullName;
        using var other = new TcpListener(IPAddress.Loopback, 0) { ExclusiveAddressUse = true };
        other.Start();
        var taken = ((IPEndPoint)other.LocalEndpoint).Port;
        try
        {
            foreach (var round in new[] { 1, 2 })
            {
                var ports = new Queue<int>([taken, FreePort.Next() + 16_000]);
                using var server = EmbeddedServer.Start(directory, NullLoggerFactory.Instance, ports.Dequeue);
                Assert.Empty(ports);
                await using var connection = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString);
                Assert.Equal(round, await connection.GetDatabase().StringIncrementAsync("rounds"));
                await server.Server.CommitAsync();
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
