using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>What happened to runs. The transitions of the store write it.</summary>
internal interface IRunHistory
{
    /// <summary>The entries of a run with a higher number, oldest first, as its client may know them.</summary>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    Task<IReadOnlyList<HistoryEntry>> GetAsync(RunId run, long after = 0);

    /// <summary>All entries of a run, oldest first, with the reasons that its service gave for what failed.</summary>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    Task<IReadOnlyList<HistoryEntry>> GetWithReasonsAsync(RunId run);
}
