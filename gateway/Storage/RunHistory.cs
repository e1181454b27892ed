using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>What happened to runs. It is written by the transitions themselves.</summary>
internal sealed class RunHistory(StoreConnection connection)
{
    /// <summary>The entries of a run with a higher number, oldest first.</summary>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task<IReadOnlyList<HistoryEntry>> GetAsync(RunId run, long after = 0)
    {
        var entries = await connection.ExecuteAsync(db => db.SortedSetRangeByScoreAsync(
            new StoreKeys(run, connection.Shards).History, after, exclude: StackExchange.Redis.Exclude.Start));
        return [.. entries.Select(entry => HistoryEntry.Parse(entry.ToString())).OfType<HistoryEntry>()];
    }
}
