using DurableGateway.Configuration;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>The event store, over the Redis protocol.</summary>
internal sealed class RedisEventStore(StoreConnection connection, RecordCodec codec, GatewaySettings settings, TimeProvider time)
    : IEventStore
{
    /// <summary>
    /// The longest time that the store keeps an event during its delivery. It is longer than any outage of all gateways after which a
    /// delivery is still useful.
    /// </summary>
    private static readonly TimeSpan DeliveryTime = TimeSpan.FromDays(30);

    private static readonly RedisValue[] RecentFields = ["record", "woken"];

    public int ShardOf(Topic topic) => topic.Shard(connection.Shards);

    public async Task<IReadOnlyList<string>> ListenAsync(
        Topic topic, Waiter waiter, DateTimeOffset expiry, DateTimeOffset since, int skip, int limit)
    {
        var now = time.GetUtcNow();
        var kept = now - settings.EventRetention;
        var (waiters, log) = TopicKeys(topic);
        var answer = await connection.EvaluateSafelyAsync(waiters, () => new ScriptCall(Scripts.Subscribe)
        {
            [ScriptKey.TopicWaiters] = waiters,
            [ScriptKey.TopicLog] = log,
            ["waiter"] = waiter.ToString(),
            ["expiry"] = Milliseconds(expiry),
            ["now"] = Milliseconds(now),
            ["since"] = Milliseconds(since > kept ? since : kept),
            ["skip"] = skip,
            ["limit"] = limit,
        });
        return [.. ((RedisValue[])answer!).Select(name => name.ToString())];
    }

    public Task UnlistenAsync(Topic topic, Waiter waiter) =>
        connection.ExecuteAsync(db => db.SortedSetRemoveAsync(TopicKeys(topic).Waiters, waiter.ToString()));

    public async Task<Publication> PublishAsync(StoredEvent published, DateTimeOffset others)
    {
        connection.Admit(StoreWriteKind.RunUnderWay);
        var shard = ShardOf(published.Topic);
        var keys = new EventKeys(shard, published.Name);
        var one = TopicKeys(published.Topic);
        var any = TopicKeys(published.Topic with { Key = null });
        var answer = (RedisValue[])(await connection.EvaluateSafelyAsync(keys.Event, () => new ScriptCall(Scripts.Publish)
        {
            [ScriptKey.Event] = keys.Event,
            [ScriptKey.TopicLog] = one.Log,
            [ScriptKey.TypeLog] = any.Log,
            [ScriptKey.TopicWaiters] = one.Waiters,
            [ScriptKey.TypeWaiters] = any.Waiters,
            [ScriptKey.TopicRecipients] = keys.Recipients,
            [ScriptKey.TypeRecipients] = keys.FurtherRecipients,
            [ScriptKey.RecentEvents] = Newest(shard),
            [ScriptKey.Due] = StoreKeys.DueOf(shard),
            ["name"] = published.Name,
            ["record"] = codec.Encode(published),
            ["now"] = Milliseconds(time.GetUtcNow()),
            ["retention"] = Span(settings.EventRetention),
            ["delivery_time"] = Span(settings.EventRetention + DeliveryTime),
            ["taken_until"] = Milliseconds(others),
        }))!;
        return new Publication((int)answer[0] == 1, (int)answer[1]);
    }

    public async Task<StoredEvent?> GetAsync(int shard, string name)
    {
        var record = await connection.ExecuteAsync(db => db.HashGetAsync(new EventKeys(shard, name).Event, "record"));
        return record.IsNull ? null : codec.DecodeEvent(name, record);
    }

    public async Task<IReadOnlyList<RecentEvent>> GetRecentAsync(int limit)
    {
        var heads = await connection.ExecuteAsync(db => Task.WhenAll(Enumerable.Range(0, connection.Shards).Select(async shard =>
            (Shard: shard, Names: await db.SortedSetRangeByRankWithScoresAsync(Newest(shard), 0, limit - 1, Order.Descending)))));
        var newest = heads
            .SelectMany(head => head.Names.Select(entry => (head.Shard, Name: entry.Element.ToString(), At: (long)entry.Score)))
            .OrderByDescending(entry => entry.At).Take(limit);
        var found = await Task.WhenAll(newest.Select(async entry =>
        {
            var fields = await connection.ExecuteAsync(db => db.HashGetAsync(new EventKeys(entry.Shard, entry.Name).Event, RecentFields));
            return fields[0].IsNull ? null : Read(entry.Name, entry.At, fields);
        }));
        return [.. found.OfType<RecentEvent>()];
    }

    public async Task<IReadOnlyList<Recipient>> GetRecipientsAsync(int shard, string name, int limit)
    {
        var keys = new EventKeys(shard, name);
        var one = await connection.ExecuteAsync(db => db.SortedSetRangeByRankAsync(keys.Recipients, 0, limit - 1));
        if (one.Length > 0) return [.. one.Select(waiter => new Recipient(waiter.ToString(), AnyKey: false))];
        var any = await connection.ExecuteAsync(db => db.SortedSetRangeByRankAsync(keys.FurtherRecipients, 0, limit - 1));
        return [.. any.Select(waiter => new Recipient(waiter.ToString(), AnyKey: true))];
    }

    public async Task<bool> CrossOffAsync(int shard, string name, IReadOnlyList<Recipient> recipients, int woken, DateTimeOffset others)
    {
        var keys = new EventKeys(shard, name);
        return (int)await connection.EvaluateSafelyAsync(keys.Event, () => new ScriptCall(Scripts.RecordDeliveries)
        {
            [ScriptKey.Event] = keys.Event,
            [ScriptKey.TopicRecipients] = keys.Recipients,
            [ScriptKey.TypeRecipients] = keys.FurtherRecipients,
            [ScriptKey.Due] = StoreKeys.DueOf(shard),
            ["name"] = name,
            ["woken"] = woken,
            ["taken_until"] = Milliseconds(others),
            ["retention"] = Span(settings.EventRetention),
            Rest = recipients.Select(recipient => (RedisValue)recipient.Name),
        }) == 1;
    }

    /// <summary>Skips an unreadable event, so that the others are still listed.</summary>
    private RecentEvent? Read(string name, long at, RedisValue[] fields)
    {
        try
        {
            _ = fields[1].TryParse(out int woken);
            return new RecentEvent(codec.DecodeEvent(name, fields[0]!), DateTimeOffset.FromUnixTimeMilliseconds(at), woken);
        }
        catch (UnreadableRecordException)
        {
            return null;
        }
    }

    private static RedisKey Newest(int shard) => StoreKeys.InShard(shard, "ix:e");

    private (RedisKey Waiters, RedisKey Log) TopicKeys(Topic topic)
    {
        var shard = ShardOf(topic);
        return (StoreKeys.InShard(shard, $"wait:{topic.Name}"), StoreKeys.InShard(shard, $"log:{topic.Name}"));
    }

    private static long Milliseconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds();

    private static long Span(TimeSpan span) => (long)span.TotalMilliseconds;

    private readonly struct EventKeys(int shard, string name)
    {
        public RedisKey Event => StoreKeys.InShard(shard, $"event:{name}");
        public RedisKey Recipients => StoreKeys.InShard(shard, $"to:{name}");
        public RedisKey FurtherRecipients => StoreKeys.InShard(shard, $"also-to:{name}");
    }
}
