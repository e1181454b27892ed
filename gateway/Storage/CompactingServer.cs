using DurableGateway.Runs;
using Garnet;
using Garnet.server;
using Tsavorite.core;

namespace DurableGateway.Storage;

/// <summary>
/// A Garnet server whose append-only file can be cut off at its old end. Its own checkpoints are not used: in 2.2.8 they lose
/// acknowledged writes when the process is killed (measured: 14 of 110,000 keys after one SIGKILL with all writers stopped).
/// </summary>
internal sealed class CompactingServer(string[] args, ILoggerFactory loggers) : GarnetServer(args, loggers)
{
    /// <summary>The largest value that lies in the log of the memory itself, whose space is free only after a compaction.</summary>
    public const int MaxInlineBytes = 512;

    private static readonly TimeSpan CommitPatience = TimeSpan.FromSeconds(5);

    private readonly SharedRound<bool> _commits = new();
    private AofAddress _mark;
    private long _memoryMark;
    private long _copied;

    /// <summary>The bytes of memory that records take, without those that a compaction under way has twice.</summary>
    public long UsedBytes => LogBytes + storeWrapper.store.Log.HeapSizeBytes - Volatile.Read(ref _copied);

    /// <summary>Of those, the bytes of the log: what is deleted there is free only after a compaction.</summary>
    public long LogBytes => storeWrapper.store.Log.TailAddress - storeWrapper.store.Log.BeginAddress;

    /// <summary>A write of its file has failed: until the next start it takes none, whatever room there is.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>The first address of the file that counts, and the one up to which it is written and never changes.</summary>
    public (long Begin, long Until) Committed
    {
        get
        {
            var log = storeWrapper.appendOnlyFile.Log;
            return (log.BeginAddress[0], log.CommittedUntilAddress[0]);
        }
    }

    /// <summary>
    /// Completes when all that the server has answered before this call is in the file. The server's own way, a wait in each
    /// command, also waits in each command of a script: 85 µs for each write instead of once for all who wait.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The disk is full, broken or too slow. What was answered may be lost, or not.</exception>
    public async ValueTask CommitAsync()
    {
        var log = storeWrapper.appendOnlyFile.Log;
        if (log.CommittedUntilAddress.EqualsAll(log.TailAddress)) return;
        try
        {
            await CommitAnywayAsync().WaitAsync(CommitPatience);
        }
        catch (Exception e)
        {
            IsBroken |= e is CommitFailureException;
            throw new StoreUnavailableException($"The embedded store could not write its file: {e.Message}", e) { MayHaveHappened = true };
        }
    }

    /// <summary>
    /// Remembers where the file and the memory end now. Whatever is alive has to be written again before <see cref="CutOffAsync"/> and
    /// <see cref="FreeOld"/>. No write may be under way.
    /// </summary>
    public void Mark()
    {
        _mark = storeWrapper.appendOnlyFile.Log.TailAddress;
        _memoryMark = storeWrapper.store.Log.TailAddress;
    }

    /// <summary>Does what writes alive records again, and nothing else. They count once.</summary>
    public async Task CopyingAsync(Func<Task> work)
    {
        var before = storeWrapper.store.Log.TailAddress;
        await work();
        Interlocked.Add(ref _copied, storeWrapper.store.Log.TailAddress - before);
    }

    /// <summary>Frees the memory before the mark: nothing alive may be there. No call may be under way.</summary>
    public void FreeOld() => storeWrapper.store.Log.ShiftBeginAddress(_memoryMark, snapToPageStart: false, truncateLog: true);

    /// <summary>Nothing is there twice any more, or it stays that way.</summary>
    public void EndCopying() => Volatile.Write(ref _copied, 0);

    /// <summary>Forgets all that was written to the file before the mark.</summary>
    public async Task CutOffAsync()
    {
        await CommitAnywayAsync();
        storeWrapper.appendOnlyFile.Log.TruncateUntil(_mark);

        // The first makes the new beginning durable; files are deleted after the next.
        await CommitAnywayAsync();
        await CommitAnywayAsync();
    }

    /// <summary>In turn with those of the calls.</summary>
    private Task<bool> CommitAnywayAsync() => _commits.JoinAsync(async () => await Store.CommitAOFAsync(default));
}
