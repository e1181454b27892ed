using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Rewrites keys of the embedded server without changing them, for <see cref="EmbeddedCompaction"/>.</summary>
/// <param name="db">The server.</param>
/// <param name="hold">Runs an action while no call is in flight.</param>
/// <param name="time">The clock.</param>
internal sealed class KeyRewriter(IDatabase db, Func<Func<Task>, Task> hold, TimeProvider time)
{
    /// <summary>The maximum number of bytes of a slice, unless a single value is larger.</summary>
    private const long SliceBytes = 2 << 20;
    private const int SliceKeys = 64;

    /// <summary>A larger object is rewritten in parts and keeps its place in memory.</summary>
    private const long LargeObject = 4 << 20;
    private const int PartEntries = 1000;
    private const int ListPart = 256;
    private const string CopySuffix = ":copy";

    /// <summary>A key that expires sooner is not rewritten now: the server breaks the connection if an expiry is in the past.</summary>
    private static readonly TimeSpan TooLate = TimeSpan.FromSeconds(1);

    private readonly HashSet<string> _expiring = [];

    /// <summary>Whether an object was rewritten in parts: it is after the mark in the file, but keeps its place in memory.</summary>
    public bool HasLeft { get; private set; }

    /// <summary>Deletes the copies of a process that was killed while it rewrote a list.</summary>
    public async Task RemoveLeftOversAsync(HashSet<string> keys)
    {
        foreach (var copy in keys.Where(key => key.EndsWith(CopySuffix, StringComparison.Ordinal)).ToArray())
        {
            await db.KeyDeleteAsync(copy);
            keys.Remove(copy);
        }
    }

    /// <summary>Rewrites these keys. Keys that no longer exist are skipped.</summary>
    public async Task RewriteAsync(IReadOnlyList<string> keys, CancellationToken stop)
    {
        var sized = await Task.WhenAll(keys.Select(SizeAsync));
        foreach (var slice in Slices(sized.Where(key => !IsLarge(key)), key => key.Bytes, SliceKeys))
        {
            stop.ThrowIfCancellationRequested();
            await hold(() => Task.WhenAll(slice.Select(key => MoveAsync(key.Name))));
        }

        foreach (var key in sized.Where(IsLarge))
        {
            HasLeft = true;
            await (key.Type switch
            {
                RedisType.List => LargeListAsync(key.Name, stop),
                RedisType.Hash => LargeHashAsync(key.Name, stop),
                _ => LargeSortedSetAsync(key.Name, stop),
            });
        }
    }

    /// <summary>Handles the keys that were about to expire: by now, they have expired or have a later expiry.</summary>
    public async Task ExpiringAsync(CancellationToken stop)
    {
        while (_expiring.Count > 0)
        {
            await Task.Delay(TooLate + TimeSpan.FromMilliseconds(5), time, stop);
            var keys = _expiring.ToArray();
            _expiring.Clear();
            foreach (var key in keys) await hold(() => MoveAsync(key));
        }
    }

    private async Task<SizedKey> SizeAsync(string key)
    {
        var type = db.KeyTypeAsync(key);
        var bytes = await db.ExecuteAsync("MEMORY", "USAGE", key);
        return new SizedKey(key, await type, bytes.IsNull ? 0 : (long)bytes);
    }

    private static bool IsLarge(SizedKey key) =>
        key is { Bytes: > LargeObject, Type: RedisType.List or RedisType.Hash or RedisType.SortedSet };

    private static IEnumerable<List<T>> Slices<T>(IEnumerable<T> all, Func<T, long> size, int most)
    {
        var slice = new List<T>();
        var bytes = 0L;
        foreach (var one in all)
        {
            if (slice.Count > 0 && (slice.Count == most || bytes + size(one) > SliceBytes))
            {
                yield return slice;
                (slice, bytes) = ([], 0);
            }

            slice.Add(one);
            bytes += size(one);
        }

        if (slice.Count > 0) yield return slice;
    }

    /// <summary>
    /// Gives a key a new place in memory by deleting it first. Its large values are therefore never in memory twice. The transaction is
    /// atomic, also if the process is killed.
    /// </summary>
    private async Task MoveAsync(string key)
    {
        var asksType = db.KeyTypeAsync(key);
        var expiry = await db.KeyExpireTimeAsync(key);
        var type = await asksType;
        if (type == RedisType.None || IsExpiring(key, expiry)) return;
        var move = db.CreateTransaction();
        _ = move.KeyDeleteAsync(key);
        switch (type)
        {
            case RedisType.String:
                var value = await db.StringGetAsync(key);
                if (value.IsNull) return;
                _ = move.StringSetAsync(key, value);
                break;

            case RedisType.Hash:
                var fields = await db.HashGetAllAsync(key);
                if (fields.Length == 0) return;
                foreach (var field in fields) _ = move.HashSetAsync(key, field.Name, field.Value);
                break;

            case RedisType.SortedSet:
                var entries = await db.SortedSetRangeByRankWithScoresAsync(key);
                if (entries.Length == 0) return;
                foreach (var part in entries.Chunk(PartEntries)) _ = move.SortedSetAddAsync(key, part);
                break;

            case RedisType.List:
                var items = await db.ListRangeAsync(key);
                if (items.Length == 0) return;
                foreach (var item in items) _ = move.ListRightPushAsync(key, item);
                break;

            default:
                throw new NotSupportedException($"A {type} is nothing that the gateway stores.");
        }

        if (expiry is { } end) _ = move.KeyExpireAsync(key, end);
        if (!await move.ExecuteAsync()) throw new RedisException($"The transaction on {key} was not executed.");
    }

    /// <summary>Rewrites a large hash. Fields that calls add meanwhile are already after the mark.</summary>
    private async Task LargeHashAsync(string key, CancellationToken stop)
    {
        var fields = await db.HashKeysAsync(key);
        var sizes = await Task.WhenAll(fields.Select(async field => (Field: field, Bytes: await db.HashStringLengthAsync(key, field))));
        foreach (var part in Slices(sizes, field => field.Bytes, PartEntries))
        {
            stop.ThrowIfCancellationRequested();
            await PartAsync(key, async () =>
            {
                var names = part.Select(field => field.Field).ToArray();
                var values = await db.HashGetAsync(key, names);
                var there = names.Zip(values, (name, value) => new HashEntry(name, value)).Where(entry => !entry.Value.IsNull).ToArray();
                if (there.Length > 0) await db.HashSetAsync(key, there);
                return there.Length > 0;
            });
        }
    }

    private async Task LargeSortedSetAsync(string key, CancellationToken stop)
    {
        var members = await db.SortedSetRangeByRankAsync(key);
        foreach (var part in members.Chunk(PartEntries))
        {
            stop.ThrowIfCancellationRequested();
            await PartAsync(key, async () =>
            {
                var scores = await db.SortedSetScoresAsync(key, part);
                var there = part.Zip(scores, (member, score) => (member, score))
                    .Where(one => one.score is not null)
                    .Select(one => new SortedSetEntry(one.member, one.score!.Value))
                    .ToArray();
                if (there.Length > 0) await db.SortedSetAddAsync(key, there);
                return there.Length > 0;
            });
        }
    }

    /// <summary>Rewrites a part with the key's expiry, because a recovery from the mark creates the key from its first part.</summary>
    private Task PartAsync(string key, Func<Task<bool>> rewrite) => hold(async () =>
    {
        var expiry = await db.KeyExpireTimeAsync(key);
        if (IsExpiring(key, expiry) || !await rewrite()) return;
        if (expiry is { } end) await db.KeyExpireAsync(key, end);
    });

    /// <summary>
    /// Rewrites a large list. Items of a list cannot be rewritten in place, so a copy replaces the list atomically, with its expiry. Lists
    /// only grow, so calls continue while the copy is made. Items that they add are copied when the copy replaces the list.
    /// </summary>
    private async Task LargeListAsync(string key, CancellationToken stop)
    {
        RedisKey copy = key + CopySuffix;
        var copied = 0L;
        RedisValue first = default, last = default;
        while (copied < await db.ListLengthAsync(key) - ListPart)
        {
            stop.ThrowIfCancellationRequested();
            var page = await db.ListRangeAsync(key, copied, copied + ListPart - 1);
            if (page.Length == 0) break;
            if (copied == 0) first = page[0];
            await AppendAsync(copy, page);
            (copied, last) = (copied + page.Length, page[^1]);
        }

        await hold(async () =>
        {
            var expiry = await db.KeyExpireTimeAsync(key);
            var gone = await db.KeyTypeAsync(key) == RedisType.None;
            if (gone || IsExpiring(key, expiry))
            {
                await db.KeyDeleteAsync(copy);
                return;
            }

            // The run may have started a new list meanwhile. No two entries are equal, because each is encrypted separately.
            if (copied > 0 && (await db.ListGetByIndexAsync(key, 0) != first || await db.ListGetByIndexAsync(key, copied - 1) != last))
            {
                await db.KeyDeleteAsync(copy);
                copied = 0;
            }

            while (await db.ListRangeAsync(key, copied, copied + ListPart - 1) is { Length: > 0 } page)
            {
                await AppendAsync(copy, page);
                copied += page.Length;
            }

            if (expiry is { } end) await db.KeyExpireAsync(copy, end);
            await db.KeyRenameAsync(copy, key);
        });
    }

    /// <summary>Appends items one by one, because an entry of the file has a maximum size. They arrive in the order of sending.</summary>
    private async Task AppendAsync(RedisKey copy, RedisValue[] items) =>
        await Task.WhenAll(items.Select(item => db.ListRightPushAsync(copy, item)));

    private TimeSpan? Left(DateTime? expiry) => expiry?.ToUniversalTime() - time.GetUtcNow().UtcDateTime;

    private bool IsExpiring(string key, DateTime? expiry)
    {
        if (!(Left(expiry) < TooLate)) return false;
        lock (_expiring) _expiring.Add(key);
        return true;
    }

    private readonly record struct SizedKey(string Name, RedisType Type, long Bytes);
}
