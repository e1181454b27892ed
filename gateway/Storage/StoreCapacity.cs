using DurableGateway.Configuration;
using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>
/// How full the embedded store is, and what it still takes. All that it keeps is in memory, and it cannot bear more than the memory:
/// new runs are refused at a limit, so that those under way can go on up to another one.
/// </summary>
/// <param name="limit"><c>Durable:Store:MaxBytes</c>.</param>
/// <param name="used">The bytes that are kept now.</param>
/// <param name="refused">Hears of each call that is refused.</param>
/// <param name="taken">Hears of each call that is not.</param>
internal sealed class StoreCapacity(long limit, Func<long> used, Action<StoreUnavailableException> refused, Action taken)
{
    /// <summary>From here on no new run is stored.</summary>
    public long Limit => limit;

    /// <summary>From here on runs under way cannot write checkpoints and results either: a quarter above the limit.</summary>
    public long HardLimit => limit + (limit / 4);

    public long Used => used();

    /// <summary>New runs are refused.</summary>
    public bool IsFull => Used >= Limit;

    /// <summary>What a compaction can free is worth one.</summary>
    public bool IsNearlyFull => Used >= Limit / 4 * 3;

    /// <exception cref="StoreUnavailableException">There is no room for it. Nothing was written.</exception>
    public void Admit(StoreWriteKind demand)
    {
        var (most, bytes) = (demand == StoreWriteKind.NewRun ? Limit : HardLimit, Used);
        if (bytes < most)
        {
            if (bytes < Limit) taken();
            return;
        }

        var error = new StoreUnavailableException(
            $"The embedded store has {ByteSize.FormatApproximately(bytes)} of Durable:Store:MaxBytes ({ByteSize.Format(Limit)}).")
        { IsFull = true };
        refused(error);
        throw error;
    }
}
