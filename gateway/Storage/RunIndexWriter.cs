using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Brings the index up to date with the runs that transitions have marked (<c>Shared/index.lua</c>): many runs at once, so that a run costs
/// little. Nobody waits for it, except for those who read the index.
/// </summary>
internal sealed class RunIndexWriter(StoreConnection connection, UnlistedRuns unlisted, TimeProvider time) : BackgroundService
{
    /// <summary>How many runs one call is for: it keeps other calls of the shard waiting.</summary>
    private const int Batch = 64;

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <summary>How long a few changes of a shard wait for others. Readers do not wait for this.</summary>
    private const int LooksUntilFlush = 30;

    /// <summary>
    /// What a node that has died has marked is found by the readers of the index, or after this. What it has listed leaves the lists then,
    /// if no new runs have removed it.
    /// </summary>
    private const int LooksUntilSweep = 600;

    /// <summary>The keys of a run expire a moment after the run.</summary>
    private const int ExpiryMargin = 2000;

    private readonly SharedRound<bool> _flush = new();

    /// <summary>By shard, the time (ms) at which the last run that this node has listed expires; 0 if there is none.</summary>
    private readonly long[] _lastExpiry = new long[unlisted.Shards];

    /// <summary>Brings the index up to date with all that was changed before the call, by any node.</summary>
    /// <exception cref="StoreUnavailableException">The store does not answer.</exception>
    public Task FlushAsync() => _flush.JoinAsync(async () =>
    {
        await Task.WhenAll(Enumerable.Range(0, unlisted.Shards).Select(FlushAsync));
        return true;
    });

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var waits = new int[unlisted.Shards];
        using var timer = new PeriodicTimer(LookEvery, time);
        try
        {
            for (var looks = 1L; await timer.WaitForNextTickAsync(stoppingToken); looks++)
            {
                var isSweep = looks % LooksUntilSweep == 0;
                for (var shard = 0; shard < waits.Length; shard++)
                {
                    // New runs remove those that have expired. After the last one, nobody else would.
                    if (HasExpired(shard)) await TryRemoveExpiredAsync(shard);
                    var changes = unlisted.Count(shard);
                    waits[shard] = changes == 0 ? 0 : waits[shard] + 1;
                    var isDue = isSweep || changes >= Batch || waits[shard] >= LooksUntilFlush;
                    if (isDue && await TryFlushAsync(shard, isSweep)) waits[shard] = 0;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // What a node leaves is found as that of one that has died.
        }
    }

    private async Task<bool> TryFlushAsync(int shard, bool isSweep)
    {
        try
        {
            await FlushAsync(shard);
            if (isSweep) await UpdateAsync(shard, []);
            return true;
        }
        catch (Exception e) when (e is StoreUnavailableException or UnreadableRecordException)
        {
            // The marks are still there.
            return false;
        }
    }

    private bool HasExpired(int shard)
    {
        var last = Volatile.Read(ref _lastExpiry[shard]);
        return last > 0 && last + ExpiryMargin < time.GetUtcNow().ToUnixTimeMilliseconds();
    }

    private async Task TryRemoveExpiredAsync(int shard)
    {
        try
        {
            await UpdateAsync(shard, []);
        }
        catch (Exception e) when (e is StoreUnavailableException or UnreadableRecordException)
        {
            // The next look repeats it.
        }
    }

    private async Task FlushAsync(int shard)
    {
        var key = StoreKeys.UnlistedOf(shard);
        unlisted.Clear(shard);
        try
        {
            // Runs that are marked meanwhile are behind those that were marked before.
            for (var left = long.MaxValue; left > 0; left -= Batch)
            {
                var marked = await connection.ExecuteAsync(db => db.SortedSetRangeByRankAsync(key, 0, Batch - 1));
                if (marked.Length == 0) return;
                if (marked.Length == Batch && left == long.MaxValue)
                    left = await connection.ExecuteAsync(db => db.SortedSetLengthAsync(key));
                await UpdateAsync(shard, marked);
                if (marked.Length < Batch) return;
            }
        }
        catch
        {
            unlisted.Add(shard);
            throw;
        }
    }

    private async Task UpdateAsync(int shard, RedisValue[] marked)
    {
        var (runs, others) = (new List<RedisKey>(), new List<RedisValue>());
        foreach (var id in marked)
        {
            if (RunId.TryParse(id, out var run) && run.Shard(unlisted.Shards) == shard)
            {
                var keys = new StoreKeys(run, unlisted.Shards);
                runs.AddRange([keys.Run, keys.Steps, keys.History]);
            }
            else
            {
                others.Add(id);
            }
        }

        // What is no run would stay at the head for ever.
        if (others.Count > 0) await connection.ExecuteAsync(db => db.SortedSetRemoveAsync(StoreKeys.UnlistedOf(shard), [.. others]));
        if (runs.Count == 0 && marked.Length > 0) return;
        var before = Volatile.Read(ref _lastExpiry[shard]);
        var expiry = (long)await connection.EvaluateAsync(new ScriptCall(Scripts.UpdateIndex)
        {
            [ScriptKey.Unlisted] = StoreKeys.UnlistedOf(shard),
            ["now"] = time.GetUtcNow().ToUnixTimeMilliseconds(),
            MoreKeys = runs,
        });
        if (runs.Count == 0) Interlocked.CompareExchange(ref _lastExpiry[shard], expiry, before);
        else if (expiry > before) Interlocked.CompareExchange(ref _lastExpiry[shard], expiry, before);
    }
}
