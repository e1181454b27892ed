using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>Reads the history of runs. The transitions write it.</summary>
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

    /// <summary>Reads a sealed reason. A missing key hides only the reason, not the whole history.</summary>
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
