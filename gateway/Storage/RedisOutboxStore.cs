using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>The outbox: the entries of the due queues that are not runs.</summary>
internal sealed class RedisOutboxStore(StoreConnection connection, TimeProvider time) : IOutboxStore
{
    public async Task<bool> TryTakeAsync(OutboxEntry entry, DateTimeOffset until) =>
        (int)await connection.EvaluateAsync(new ScriptCall(Scripts.TakeOutboxEntry)
        {
            [ScriptKey.Due] = StoreKeys.DueOf(entry.Shard),
            ["entry"] = entry.Name,
            ["now"] = time.GetUtcNow().ToUnixTimeMilliseconds(),
            ["taken_until"] = until.ToUnixTimeMilliseconds(),
        }) == 1;

    public Task PostponeAsync(OutboxEntry entry, DateTimeOffset until) =>
        connection.ExecuteAsync(db => db.SortedSetUpdateAsync(
            StoreKeys.DueOf(entry.Shard), entry.Name, until.ToUnixTimeMilliseconds(), SortedSetWhen.Exists));

    public Task RemoveAsync(OutboxEntry entry) =>
        connection.ExecuteAsync(db => db.SortedSetRemoveAsync(StoreKeys.DueOf(entry.Shard), entry.Name));
}
