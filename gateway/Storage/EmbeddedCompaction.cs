using DurableGateway.Telemetry;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Keeps the embedded server's append-only file small: now and then, while all calls stand still, every key that is alive is written
/// once more, and what was written before is cut off. A process that is killed in the middle of it has the whole old file; writing a
/// key again changes nothing.
/// </summary>
internal sealed class EmbeddedCompaction(
    CompactingServer server, IConnectionMultiplexer connection, CallGate gate, string directory, TimeProvider time, ILogger log)
{
    /// <summary>The growth of the file after which it is worth a pause. Restarts read at most this much, and what is alive.</summary>
    private const long WorthIt = 128 << 20;

    private const int Chunk = 2000;
    private const int ListChunk = 256;
    private const int BigValue = 64 * 1024;
    private const string CopySuffix = ":copy";
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>Of the file when it was last compacted. What an earlier process has left counts as grown.</summary>
    private long _size;

    /// <summary>Until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(stop))
        {
            try
            {
                // What has expired is freed, and off the list of what the server may trip over.
                await connection.GetDatabase().ExecuteAsync("EXPDELSCAN");
                if (SizeOf(directory) - _size < WorthIt) continue;
                var began = time.GetTimestamp();
                var keys = 0;
                await gate.WhileClosedAsync(async () => keys = await CompactAsync());
                _size = SizeOf(directory);
                log.Compacted(keys, _size >> 20, time.GetElapsedTime(began).TotalMilliseconds);
            }
            catch (Exception e) when (e is RedisException or TimeoutException or NotSupportedException or IOException)
            {
                // Nothing is lost: the old file is whole until all is written again.
                log.NotCompacted(e.Message);
            }
        }
    }

    /// <returns>How many keys were alive.</returns>
    public async Task<int> CompactAsync()
    {
        var db = connection.GetDatabase();
        await db.ExecuteAsync("EXPDELSCAN");
        server.Mark();
        var keys = new HashSet<string>(StringComparer.Ordinal);
        var cursor = "0";
        do
        {
            var page = (RedisResult[])(await db.ExecuteAsync("SCAN", cursor, "COUNT", "5000"))!;
            cursor = (string)page[0]!;
            foreach (var key in (RedisKey[])page[1]!) keys.Add((string)key!);
        }
        while (cursor != "0");

        // What a process that was killed in the middle of this has left.
        foreach (var copy in keys.Where(key => key.EndsWith(CopySuffix, StringComparison.Ordinal)).ToArray())
        {
            await db.KeyDeleteAsync(copy);
            keys.Remove(copy);
        }

        using var bigValues = new SemaphoreSlim(4);
        foreach (var chunk in keys.Chunk(Chunk)) await Task.WhenAll(chunk.Select(key => RewriteAsync(db, key, bigValues)));
        await server.CutOffAsync();
        return keys.Count;
    }

    private async Task RewriteAsync(IDatabase db, RedisKey key, SemaphoreSlim bigValues)
    {
        var asksType = db.KeyTypeAsync(key);
        var expiry = await db.KeyExpireTimeAsync(key);
        switch (await asksType)
        {
            case RedisType.None:
                return;

            case RedisType.String:
                var isBig = await db.StringLengthAsync(key) > BigValue;
                if (isBig) await bigValues.WaitAsync();
                try
                {
                    var value = await db.StringGetAsync(key);
                    if (value.IsNull) return;
                    if (expiry is null) await db.StringSetAsync(key, value);
                    else if (Left(expiry) is { } left && left > TimeSpan.FromMilliseconds(1)) await db.StringSetAsync(key, value, left);
                    else await LetGoAsync(db, key, expiry.Value);
                }
                finally
                {
                    if (isBig) bigValues.Release();
                }

                return;

            // The server must not be asked to expire what has just expired: its answer breaks the connection.
            case RedisType.Hash or RedisType.SortedSet or RedisType.List when Left(expiry) < TimeSpan.FromSeconds(1):
                await LetGoAsync(db, key, expiry!.Value);
                return;

            case RedisType.Hash:
                var fields = await db.HashGetAllAsync(key);
                if (fields.Length > 0) await db.HashSetAsync(key, fields);
                break;

            case RedisType.SortedSet:
                var entries = await db.SortedSetRangeByRankWithScoresAsync(key);
                if (entries.Length > 0) await db.SortedSetAddAsync(key, entries);
                break;

            case RedisType.List:
                await CopyListAsync(db, key, expiry);
                return;

            case var type:
                throw new NotSupportedException($"A {type} is nothing that the gateway stores.");
        }

        if (expiry is { } end) await db.KeyExpireAsync(key, end);
    }

    /// <summary>What is in a list cannot be written over: a copy takes its place, all at once, with its expiry.</summary>
    private static async Task CopyListAsync(IDatabase db, RedisKey key, DateTime? expiry)
    {
        var copy = key.Append(CopySuffix);
        var length = 0L;
        while (await db.ListRangeAsync(key, length, length + ListChunk - 1) is { Length: > 0 } page)
        {
            // One by one, as they came: an entry of the file has a largest size. They arrive in the order in which they are sent.
            await Task.WhenAll(page.Select(item => db.ListRightPushAsync(copy, item)));
            length += page.Length;
        }

        if (length == 0) return;
        if (expiry is { } end) await db.KeyExpireAsync(copy, end);
        await db.KeyRenameAsync(copy, key);
    }

    private TimeSpan? Left(DateTime? expiry) => expiry?.ToUniversalTime() - time.GetUtcNow().UtcDateTime;

    private async Task LetGoAsync(IDatabase db, RedisKey key, DateTime expiry)
    {
        if (Left(expiry) is { } left && left > TimeSpan.Zero) await Task.Delay(left + TimeSpan.FromMilliseconds(5), time);
        await db.KeyDeleteAsync(key);
    }

    private static long SizeOf(string directory)
    {
        var path = Path.Combine(directory, "AOF");
        return Directory.Exists(path) ? new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length) : 0;
    }
}
