using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>What happened to runs. It is written by the transitions themselves.</summary>
internal sealed class RunHistory(StoreConnection connection, RecordCodec codec) : IRunHistory
{
    public Task<IReadOnlyList<HistoryEntry>> GetAsync(RunId run, long after = 0) => GetAsync(run, after, null);

    public Task<IReadOnlyList<HistoryEntry>> GetWithReasonsAsync(RunId run) => GetAsync(run, 0, sealedReason => Open(run, sealedReason));

    private async Task<IReadOnlyList<HistoryEntry>> GetAsync(RunId run, long after, Func<string, string?>? open)
    {
        var entries = await connection.ExecuteAsync(db => db.SortedSetRangeByScoreAsync(
            new StoreKeys(run, connection.Shards).History, after, exclude: StackExchange.Redis.Exclude.Start));
        return [.. entries.Select(entry => HistoryEntry.Parse(entry.ToString(), open)).OfType<HistoryEntry>()];
    }

    /// <summary>A history is not to fail for one reason that this node has no key for.</summary>
    private string? Open(RunId run, string record)
    {
        try
        {
            return codec.DecodeReason(run, record).Reason;
        }
        catch (UnreadableRecordException)
        {
            return null;
        }
    }
}
