using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>Looks up idempotency keys. <c>create.lua</c> stores a key together with its run.</summary>
internal sealed class IdempotencyKeyStore(StoreConnection connection)
{
    /// <param name="hash">The hash of the key within its scope.</param>
    /// <returns><see langword="null"/> if the key belongs to no run.</returns>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    public async Task<TakenKey?> FindAsync(string hash)
    {
        var key = StoreKeys.InShard(IdempotencyMark.ShardOf(hash, connection.Shards), $"idem:{hash}");
        var taken = await connection.ExecuteAsync(db => db.StringGetAsync(key));
        return taken.IsNull ? null : TakenKey.Parse(taken.ToString());
    }
}
