using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Carries the signals of runs between nodes. A signal may be lost: nodes also look at the store from time to time.</summary>
internal interface IRunSignalChannel
{
    /// <summary>Tells all nodes that a run has ended.</summary>
    void PublishEnded(RunId run);

    /// <summary>Tells all nodes that this node has given a run up, which is due at a time.</summary>
    void PublishDue(RunId run, DateTimeOffset due);

    /// <summary>Has the signals of all nodes, this one included, delivered.</summary>
    /// <param name="ended">Receives runs that have ended.</param>
    /// <param name="due">Receives runs that were given up, and when they are due.</param>
    /// <exception cref="StoreUnavailableException">The store is away; call again.</exception>
    Task SubscribeAsync(Action<RunId> ended, Action<RunId, DateTimeOffset> due);
}
