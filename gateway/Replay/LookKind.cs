namespace DurableGateway.Replay;

/// <summary>The purpose of a look at a shard's queue.</summary>
internal enum LookKind
{
    /// <summary>Finds runs that this node has not seen yet. It continues where the last look ended.</summary>
    New,

    /// <summary>
    /// Finds runs in the part of the queue that this node has already looked at, such as those that other nodes left behind.
    /// </summary>
    Again,

    /// <summary>Finds runs that were passed over for a cluster that has room again.</summary>
    Held,
}
