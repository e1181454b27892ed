using DurableGateway.Configuration;
using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>
/// Tracks how full the embedded store is, and which writes it accepts. All its data is in memory, and it fails if the memory is exhausted.
/// It refuses new runs at one limit, so that existing runs can continue up to a higher limit.
/// </summary>
/// <param name="limit"><c>Durable:Store:MaxBytes</c>.</param>
/// <param name="used">Gets the bytes in use.</param>
/// <param name="refused">Called for each refused write.</param>
/// <param name="taken">Called for each write below the limit.</param>
internal sealed class StoreCapacity(long limit, Func<long> used, Action<StoreUnavailableException> refused, Action taken)
{
    /// <summary>The bytes in use from which the store refuses new runs.</summary>
    public long Limit => limit;

    /// <summary>The bytes in use from which the store refuses checkpoints and results of existing runs too: 125 % of the limit.</summary>
    public long HardLimit => limit + (limit / 4);

    public long Used => used();

    /// <summary>Whether the store refuses new runs.</summary>
    public bool IsFull => Used >= Limit;

    /// <summary>Whether the store is full enough that a compaction is worthwhile.</summary>
    public bool IsNearlyFull => Used >= Limit / 4 * 3;

    /// <exception cref="StoreUnavailableException">The store is full. Nothing was written.</exception>
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
