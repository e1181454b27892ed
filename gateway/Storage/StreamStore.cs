using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Stores resumable event streams (<c>Durable-Stream: resume</c>).</summary>
internal sealed class StreamStore(StoreConnection connection, RecordCodec codec) : IStreamStore
{
    public async Task<StreamVerdict> AppendAsync(AttemptKey attempt, StoredResponse? head, IReadOnlyList<StreamEvent> events, long maxBytes)
    {
        connection.Admit(StoreWriteKind.RunUnderWay);
        var keys = new StoreKeys(attempt.Run, connection.Shards);
        var bytes = events.Sum(one => (long)one.Bytes.Length);
        var answer = (RedisValue[])(await connection.WriteLargeAsync(keys.Run, bytes, db => new ScriptCall(Scripts.AppendToStream, keys)
        {
            ["attempt"] = attempt.Number,
            ["owner"] = attempt.Owner,
            ["nonce"] = attempt.Nonce,
            ["head"] = head is null ? RedisValue.Null : codec.EncodeHead(attempt.Run, head),
            ["max_bytes"] = maxBytes,
            Rest = events.SelectMany(one => new RedisValue[] { one.Id, codec.Encode(attempt.Run, one) }),
        }.EvaluateAsync(db)))!;
        return (string)answer[0]! switch
        {
            "kept" => StreamVerdict.Kept,
            "full" => StreamVerdict.Full,
            _ => StreamVerdict.Lost,
        };
    }

    public async Task<StoredResponse?> GetHeadAsync(RunId run)
    {
        var record = await connection.ExecuteAsync(db => db.HashGetAsync(new StoreKeys(run, connection.Shards).Run, "stream"));
        return record.IsNull ? null : codec.DecodeHead(run, record);
    }

    public async Task<long> FindAsync(RunId run, string id)
    {
        var index = await connection.ExecuteAsync(db => db.HashGetAsync(new StoreKeys(run, connection.Shards).StreamIds, id));
        return index.IsNull ? 0 : (long)index + 1;
    }

    public async Task<IReadOnlyList<ReadOnlyMemory<byte>>> ReadAsync(RunId run, long from, int limit)
    {
        var stream = new StoreKeys(run, connection.Shards).Stream;
        var records = await connection.ExecuteAsync(db => db.ListRangeAsync(stream, from, from + limit - 1));
        return [.. records.Select(record => codec.DecodeStreamEvent(run, record))];
    }

    public Task ExpireAsync(RunId run, TimeSpan retention)
    {
        var keys = new StoreKeys(run, connection.Shards);
        return Task.WhenAll(
            connection.ExecuteAsync(db => db.KeyExpireAsync(keys.Stream, retention)),
            connection.ExecuteAsync(db => db.KeyExpireAsync(keys.StreamIds, retention)));
    }

    public async Task<ReadOnlyMemory<byte>> ReadAllAsync(RunId run)
    {
        const int Page = 256;
        using var whole = new MemoryStream();
        for (var from = 0L; ; from += Page)
        {
            var events = await ReadAsync(run, from, Page);
            foreach (var one in events) whole.Write(one.Span);
            if (events.Count < Page) return whole.ToArray();
        }
    }
}
