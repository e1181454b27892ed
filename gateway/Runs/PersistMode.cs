namespace DurableGateway.Runs;

/// <summary>When a run reaches the store.</summary>
internal enum PersistMode
{
    /// <summary>
    /// With its first checkpoint, its first failure, or after <see cref="RunPolicy.PersistAfter"/>: a plain success costs nothing.
    /// </summary>
    OnFirstCheckpoint,

    /// <summary>Before the first attempt is sent.</summary>
    OnStart,
}
