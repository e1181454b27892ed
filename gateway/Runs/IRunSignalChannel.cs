using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Carries the signals of runs between nodes. A signal can be lost, so nodes also poll the store.</summary>
internal interface IRunSignalChannel
{
    /// <summary>Signals to all nodes that a run has ended.</summary>
    void PublishEnded(RunId run);

    /// <summary>Signals to all nodes that this node has released a run, which is due at a time.</summary>
    void PublishDue(RunId run, DateTimeOffset due);

    /// <summary>Subscribes to the signals of all nodes, including this one.</summary>
    /// <param name="ended">Receives runs that have ended.</param>
    /// <param name="due">Receives runs that were released, and when they are due.</param>
    /// <exception cref="StoreUnavailableException">The store is unavailable. The call can be repeated.</exception>
    Task SubscribeAsync(Action<RunId> ended, Action<RunId, DateTimeOffset> due);
}
