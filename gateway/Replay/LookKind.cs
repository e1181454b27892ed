namespace DurableGateway.Replay;

/// <summary>What a look at a shard's queue is for.</summary>
internal enum LookKind
{
    /// <summary>Something is due that this node has not seen yet: goes on where its last look ended.</summary>
    New,

    /// <summary>Something may be due where this node has looked already: what other nodes have left behind.</summary>
    Again,

    /// <summary>A cluster has room again for which runs were passed over.</summary>
    Held,
}
