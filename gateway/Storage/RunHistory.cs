using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>Reads the history of runs. The transitions write it.</summary>
internal sealed class RunHistory(StoreConnection connection, RecordCodec codec) : IRunHistory
{
    public Task<IReadOnlyList<HistoryEntry>> GetAsync(RunId run, long after = 0) => GetAsync(run, after, null);

    public Task<IReadOnlyList<HistoryEntry>> GetWithReasonsAsync(RunId run) => GetAsync(run, 0, sealedReason => Open(run, sealedReason));

    private async Task<IReadOnlyList<HistoryEntry>> GetAsync(RunId run, long after, Func<string, FailureText?>? open)
    {
        var entries = (string[])(await connection.EvaluateAsync(
            new ScriptCall(Scripts.ReadHistory, new StoreKeys(run, connection.Shards)) { ["after"] = after }))!;

        // Where a server died while entries moved to the list, they are there twice. The first of the two may lack its end.
        return
        [
            .. entries.Select(entry => HistoryEntry.Parse(entry, open)).OfType<HistoryEntry>().Where(entry => entry.Number > after)
                .GroupBy(entry => entry.Number, (_, same) => same.Last()),
        ];
    }

    /// <summary>Reads a sealed reason. A missing key hides only the reason, not the whole history.</summary>
    private FailureText? Open(RunId run, string record)
    {
        try
        {
            return codec.DecodeReason(run, record).Failure;
        }
        catch (UnreadableRecordException)
        {
            return null;
        }
    }
}
