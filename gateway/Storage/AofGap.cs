namespace DurableGateway.Storage;

/// <summary>Bytes of the log that are not complete records, although committed records follow them.</summary>
internal readonly record struct AofGap(long From, long Until)
{
    public long Bytes => Until - From;
}
