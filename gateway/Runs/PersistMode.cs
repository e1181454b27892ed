namespace DurableGateway.Runs;

/// <summary>When a run is first stored.</summary>
internal enum PersistMode
{
    /// <summary>
    /// At its first checkpoint, at its first failure, or after <see cref="RunPolicy.PersistAfter"/>. A fast success needs no store call.
    /// </summary>
    OnFirstCheckpoint,

    /// <summary>Before the first attempt is sent.</summary>
    OnStart,
}
