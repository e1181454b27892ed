using DurableGateway.Diagnostics;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Keeps the embedded server's append-only file and its memory small: now and then every key that is alive is written once more, and
/// what was written before is cut off. It goes slice by slice. All calls stand still during a slice, so that nobody writes a key
/// between its reading and its writing, and pass between two slices.
/// </summary>
/// <remarks>
/// What calls write meanwhile lies behind the mark, and so does each slice. Read from the mark on, the file gives each key what the
/// last slice has written of it, and what calls have changed since. A process that is killed in the middle of it has the whole old
/// file; writing a key again changes nothing.
/// </remarks>
internal sealed class EmbeddedCompaction(
    CompactingServer server,
    IConnectionMultiplexer connection,
    CallThrottle gate,
    Func<Task> settle,
    StoreCapacity capacity,
    TimeProvider time,
    ILogger log) : IDisposable
{
    /// <summary>
    /// The growth of the file that a compaction is worth. Restarts read at most this much, or half of what is alive, and what is alive.
    /// </summary>
    private const long WorthIt = 128 << 20;

    /// <summary>The part of the limit that makes a compaction worth it where a store that is nearly full may get it back.</summary>
    private const int ShareOfLimit = 16;

    private const int Chunk = 2000;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>The longest time for which a full store waits for a compaction: keys are also deleted, and nobody counts those.</summary>
    private static readonly TimeSpan MaxFull = TimeSpan.FromMinutes(10);

    /// <summary>The longest pause after a slice. It is as long as the slice where that is shorter: calls have half of the time.</summary>
    private static readonly TimeSpan MaxPause = TimeSpan.FromMilliseconds(50);

    /// <summary>The size of the file after its last compaction. What an earlier process left counts as growth.</summary>
    private long _size;
    private readonly SemaphoreSlim _turn = new(1);
    private long _logBytes;
    private int _keys;
    private long _expired;
    private long _last = time.GetTimestamp();
    private TimeSpan _pause;

    private long Size => server.Committed is var (begin, until) ? until - begin : 0;

    /// <summary>For how long calls stood still, at most, in the last compaction.</summary>
    public TimeSpan MaxHold { get; private set; }

    /// <summary>Until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(stop))
        {
            try
            {
                await ExpireAsync();
                if (!IsWorthIt()) continue;
                log.Compacting(Size >> 20, capacity.Used >> 20);
                var began = time.GetTimestamp();
                var keys = await CompactAsync(stop);
                log.Compacted(keys, _size >> 20, time.GetElapsedTime(began).TotalSeconds, MaxHold.TotalMilliseconds);
            }
            catch (Exception e) when (
                e is RedisException or TimeoutException or NotSupportedException or IOException or StoreUnavailableException)
            {
                // Nothing is lost: the old file is whole until all is written again.
                log.NotCompacted(e.Message);
            }
        }
    }

    /// <returns>How many keys were alive.</returns>
    public async Task<int> CompactAsync(CancellationToken stop)
    {
        // There is one mark.
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

    /// <summary>Most of what the memory's log may give back: all that was added, and of the rest what has expired.</summary>
    private long Reclaimable() => server.LogBytes - _logBytes + (long)(_logBytes * Math.Min(1, _expired / (_keys + 1.0)));

    /// <summary>What has expired is freed, and off the list of what the server may trip over.</summary>
    private async Task ExpireAsync()
    {
        var answer = (RedisResult[])(await connection.GetDatabase().ExecuteAsync("EXPDELSCAN"))!;
        _expired += (long)answer[0];
    }

    /// <summary>Every key that is there now. The server moves keys that are written, so nobody may write while it reads a page.</summary>
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
        await gate.WhileClosedAsync(async () =>
        {
            await settle();
            await work();
        });
        _pause = time.GetElapsedTime(began);
        if (_pause > MaxHold) MaxHold = _pause;

        // The calls' own commits wait for what is written, and must not find much.
        await server.CommitAsync();
    }
}
