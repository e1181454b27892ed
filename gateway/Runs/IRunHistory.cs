using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Reads the history of runs. The transitions of the store write it.</summary>
internal interface IRunHistory
{
    /// <summary>The entries of a run after a number, the oldest first, with the content that clients may see.</summary>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    Task<IReadOnlyList<HistoryEntry>> GetAsync(RunId run, long after = 0);

    /// <summary>All entries of a run, the oldest first, with the service's reasons of failures.</summary>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    Task<IReadOnlyList<HistoryEntry>> GetWithReasonsAsync(RunId run);
}
