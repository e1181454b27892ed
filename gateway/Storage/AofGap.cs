namespace DurableGateway.Storage;

/// <summary>Bytes of the log that are no whole records, although records were committed behind them.</summary>
internal readonly record struct AofGap(long From, long Until)
{
    public long Bytes => Until - From;
}
