using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>Looks up idempotency keys. A key is taken by <c>create.lua</c>, together with its run.</summary>
internal sealed class IdempotencyKeyStore(StoreConnection connection)
{
    /// <param name="hash">The hash of the key within its scope.</param>
    /// <returns><see langword="null"/> where the key stands for no run yet.</returns>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task<TakenKey?> FindAsync(string hash)
    {
        var key = StoreKeys.InShard(IdempotencyMark.ShardOf(hash, connection.Shards), $"idem:{hash}");
        var taken = await connection.ExecuteAsync(db => db.StringGetAsync(key));
        return taken.IsNull ? null : TakenKey.Parse(taken.ToString());
    }
}
