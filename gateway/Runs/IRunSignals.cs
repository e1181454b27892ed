using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>What the rest of the gateway wants to hear of. Signals save waiting; nothing depends on one arriving.</summary>
internal interface IRunSignals
{
    /// <summary>A run will be due at this time.</summary>
    void Parked(RunId run, DateTimeOffset due);

    /// <summary>This node gives a run up; another may take it at this time.</summary>
    void HandedBack(RunId run, DateTimeOffset due);

    /// <summary>A run has ended, here or on another node: an attempt of it that is still in flight is in vain.</summary>
    event Action<RunId>? EndHeard;
}
