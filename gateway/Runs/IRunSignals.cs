using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Signals to the rest of the gateway. They only shorten waits, so a lost signal does no harm.</summary>
internal interface IRunSignals
{
    /// <summary>A run is due at a time.</summary>
    void Parked(RunId run, DateTimeOffset due);

    /// <summary>This node releases a run. Another node can claim it at a time.</summary>
    void HandedBack(RunId run, DateTimeOffset due);

    /// <summary>A run has ended, on this or another node. An attempt of it that is still in flight is useless.</summary>
    event Action<RunId>? EndHeard;
}
