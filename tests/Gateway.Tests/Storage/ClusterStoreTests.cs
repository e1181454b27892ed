using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>The contract on a Redis Cluster of three nodes: every script stays within one slot.</summary>
public sealed class ClusterStoreTests : StoreContract, IClassFixture<ClusterStoreFixture>
{
    public ClusterStoreTests(ClusterStoreFixture fixture) : base(fixture) => RedisServer.SkipIfMissing();
}
