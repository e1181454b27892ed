using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>The event streams of services that let clients resume them (<c>Durable-Stream: resume</c>).</summary>
internal sealed class StreamStore(StoreConnection connection, RecordCodec codec)
{
    /// <summary>Adds events to the stream of the run that the attempt owns.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="head">Status and headers, with the first events.</param>
    /// <param name="events">The events; those whose id is kept already are passed over.</param>
    /// <param name="maxBytes">The most bytes that the stream may have.</param>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task<StreamVerdict> AppendAsync(AttemptKey attempt, StoredResponse? head, IReadOnlyList<StreamEvent> events, long maxBytes)
    {
        connection.Admit(StoreDemand.RunUnderWay);
        var keys = new StoreKeys(attempt.Run, connection.Shards);
        var bytes = events.Sum(one => (long)one.Bytes.Length);
        var answer = (RedisValue[])(await connection.WriteLargeAsync(keys.Run, bytes, db => db.ScriptEvaluateAsync(Script.Append, [keys.Run, keys.Stream, keys.StreamIds],
        [
            attempt.Number, attempt.Owner, attempt.Nonce, head is null ? RedisValue.EmptyString : codec.EncodeHead(attempt.Run, head), maxBytes,
            .. events.SelectMany(one => new RedisValue[] { one.Id, codec.Encode(attempt.Run, one) }),
        ])))!;
        return (string)answer[0]! switch
        {
            "kept" => StreamVerdict.Kept,
            "full" => StreamVerdict.Full,
            _ => StreamVerdict.Lost,
        };
    }

    /// <summary>Status and headers of the stream; <see langword="null"/> where the run has none.</summary>
    public async Task<StoredResponse?> GetHeadAsync(RunId run)
    {
        var record = await connection.ExecuteAsync(db => db.HashGetAsync(new StoreKeys(run, connection.Shards).Run, "stream"));
        return record.IsNull ? null : codec.DecodeHead(run, record);
    }

    /// <summary>Where the events after one begin; 0 where that one is unknown.</summary>
    public async Task<long> FindAsync(RunId run, string id)
    {
        var index = await connection.ExecuteAsync(db => db.HashGetAsync(new StoreKeys(run, connection.Shards).StreamIds, id));
        return index.IsNull ? 0 : (long)index + 1;
    }

    /// <summary>Some of the events, in order.</summary>
    public async Task<IReadOnlyList<ReadOnlyMemory<byte>>> ReadAsync(RunId run, long from, int limit)
    {
        var records = await connection.ExecuteAsync(db => db.ListRangeAsync(new StoreKeys(run, connection.Shards).Stream, from, from + limit - 1));
        return [.. records.Select(record => codec.DecodeStreamEvent(run, record))];
    }

    /// <summary>Lets a stream that is complete go with its run; one that is added to after all is kept as before.</summary>
    public Task ExpireAsync(RunId run, TimeSpan retention)
    {
        var keys = new StoreKeys(run, connection.Shards);
        return Task.WhenAll(
            connection.ExecuteAsync(db => db.KeyExpireAsync(keys.Stream, retention)), connection.ExecuteAsync(db => db.KeyExpireAsync(keys.StreamIds, retention)));
    }

    /// <summary>The whole stream.</summary>
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

/// <summary>An event of a stream, as the service wrote it.</summary>
/// <param name="Id">Its <c>id</c>; empty without one.</param>
/// <param name="Bytes">All of it, with the blank line that ends it.</param>
internal readonly record struct StreamEvent(string Id, ReadOnlyMemory<byte> Bytes);

internal enum StreamVerdict
{
    Kept,

    /// <summary>The stream is larger than it may be.</summary>
    Full,

    /// <summary>The attempt no longer owns the run.</summary>
    Lost,
}
