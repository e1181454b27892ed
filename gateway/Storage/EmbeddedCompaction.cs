using DurableGateway.Diagnostics;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Keeps the embedded server's append-only file and its memory small. A compaction rewrites every live key and deletes everything that was
/// written before. It works in slices. Calls wait during a slice, so that no key changes between its reading and its writing, and continue
/// between two slices.
/// </summary>
/// <remarks>
/// The writes of calls during a compaction are after the mark, and so are the slices. A recovery from the mark gives each key the value
/// that the last slice wrote, and then the later changes. If the process is killed during a compaction, the old file is complete:
/// rewriting a key does not change its value.
/// </remarks>
internal sealed class EmbeddedCompaction(
    CompactingServer server,
    IConnectionMultiplexer connection,
    CallThrottle throttle,
    Func<Task> settle,
    StoreCapacity capacity,
    TimeProvider time,
    ILogger log) : IDisposable
{
    /// <summary>
    /// The growth of the file that starts a compaction. A restart reads the live data, and at most this much or half of the live data
    /// in addition.
    /// </summary>
    private const long WorthIt = 128 << 20;

    /// <summary>The share of the limit that a compaction of a nearly full store must be able to free.</summary>
    private const int ShareOfLimit = 16;

    private const int Chunk = 2000;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>The longest time between two searches for expired keys.</summary>
    private static readonly TimeSpan MaxUntilSearch = TimeSpan.FromMinutes(10);

    /// <summary>
    /// A search reads the whole memory log, so the pause after it is this many times as long. A nearly full store searches more often.
    /// </summary>
    private const int SearchShare = 200;
    private const int NearlyFullSearchShare = 20;

    /// <summary>The longest time for which a full store waits for a compaction. It can free deleted keys, which nothing counts.</summary>
    private static readonly TimeSpan MaxFull = TimeSpan.FromMinutes(10);

    /// <summary>The longest pause after a slice. A shorter slice has a pause of its own length, so calls get half of the time.</summary>
    private static readonly TimeSpan MaxPause = TimeSpan.FromMilliseconds(50);

    /// <summary>The size of the file after the last compaction of this process. Earlier content counts as growth.</summary>
    private long _size;
    private readonly SemaphoreSlim _turn = new(1);
    private long _logBytes;
    private int _keys;
    private long _expired;
    private long _last = time.GetTimestamp();
    private TimeSpan _pause;
    private long _searched = time.GetTimestamp();
    private TimeSpan _search;

    private long Size => server.Committed is var (begin, until) ? until - begin : 0;

    /// <summary>The longest time for which the last compaction blocked calls.</summary>
    public TimeSpan MaxHold { get; private set; }

    /// <summary>Runs until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(stop))
        {
            try
            {
                if (IsSearchDue()) await ExpireAsync();
                if (!IsWorthIt()) continue;
                log.Compacting(Size >> 20, capacity.Used >> 20);
                var began = time.GetTimestamp();
                var keys = await CompactAsync(stop);
                log.Compacted(keys, _size >> 20, time.GetElapsedTime(began).TotalSeconds, MaxHold.TotalMilliseconds);
            }
            catch (Exception e) when (
                e is RedisException or TimeoutException or NotSupportedException or IOException or StoreUnavailableException)
            {
                // Nothing is lost: the old file stays complete until every key is rewritten.
                log.NotCompacted(e.Message);
            }
        }
    }

    /// <returns>The number of live keys.</returns>
    public async Task<int> CompactAsync(CancellationToken stop)
    {
        // There is only one mark, so compactions do not overlap.
        await _turn.WaitAsync(stop);
        MaxHold = TimeSpan.Zero;
        try
        {
            await ExpireAsync();
            await HoldAsync(() =>
            {
                server.Mark();
                return Task.CompletedTask;
            });
            var rewrite = new KeyRewriter(connection.GetDatabase(), work => HoldAsync(() => server.CopyingAsync(work)), time);
            var keys = await ScanAsync(rewrite, stop);
            foreach (var chunk in keys.Chunk(Chunk)) await rewrite.RewriteAsync(chunk, stop);
            await rewrite.ExpiringAsync(stop);

            await server.CutOffAsync();
            await HoldAsync(() =>
            {
                if (!rewrite.HasLeft) server.FreeOld();
                return Task.CompletedTask;
            });
            (_size, _logBytes, _keys, _expired, _last) = (Size, server.LogBytes, keys.Count, 0, time.GetTimestamp());
            return keys.Count;
        }
        finally
        {
            server.EndCopying();
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private bool IsWorthIt() => Size - _size >= Math.Max(WorthIt, _size / 2)
        || (capacity.IsNearlyFull && Reclaimable() >= capacity.Limit / ShareOfLimit)
        || (capacity.IsFull && time.GetElapsedTime(_last) >= MaxFull);

    /// <summary>An upper estimate of what a compaction frees in the memory log: the growth, and the expired share of the rest.</summary>
    private long Reclaimable() => server.LogBytes - _logBytes + (long)(_logBytes * Math.Min(1, _expired / (_keys + 1.0)));

    /// <summary>The time from the end of a search for expired keys to the next one. It grows with the size of the store.</summary>
    internal static TimeSpan PauseAfterSearch(TimeSpan search, bool isNearlyFull)
    {
        var pause = search * (isNearlyFull ? NearlyFullSearchShare : SearchShare);
        return pause < MaxUntilSearch ? pause : MaxUntilSearch;
    }

    private bool IsSearchDue() => time.GetElapsedTime(_searched) >= PauseAfterSearch(_search, capacity.IsNearlyFull);

    /// <summary>
    /// Deletes expired keys, so that their memory is free and the server cannot fail on them during the compaction. Calls do not see an
    /// expired key, deleted or not.
    /// </summary>
    private async Task ExpireAsync()
    {
        var began = time.GetTimestamp();
        var answer = (RedisResult[])(await connection.GetDatabase().ExecuteAsync("EXPDELSCAN"))!;
        _expired += (long)answer[0];
        _searched = time.GetTimestamp();
        _search = time.GetElapsedTime(began, _searched);
    }

    /// <summary>Lists every key. The server moves a key when it is written, so no call may write while a page is read.</summary>
    private async Task<HashSet<string>> ScanAsync(KeyRewriter rewrite, CancellationToken stop)
    {
        var db = connection.GetDatabase();
        var keys = new HashSet<string>(StringComparer.Ordinal);
        var cursor = "0";
        do
        {
            stop.ThrowIfCancellationRequested();
            await HoldAsync(async () =>
            {
                var page = (RedisResult[])(await db.ExecuteAsync("SCAN", cursor, "COUNT", $"{Chunk}"))!;
                cursor = (string)page[0]!;
                foreach (var key in (RedisKey[])page[1]!) keys.Add((string)key!);
            });
        }
        while (cursor != "0");
        await rewrite.RemoveLeftOversAsync(keys);
        return keys;
    }

    private async Task HoldAsync(Func<Task> work)
    {
        if (_pause > TimeSpan.Zero) await Task.Delay(_pause < MaxPause ? _pause : MaxPause, time);
        var began = time.GetTimestamp();
        await throttle.WhileClosedAsync(async () =>
        {
            await settle();
            await work();
        });
        _pause = time.GetElapsedTime(began);
        if (_pause > MaxHold) MaxHold = _pause;

        // The commits of calls wait for these writes too, so each slice commits its own writes.
        await server.CommitAsync();
    }
}
