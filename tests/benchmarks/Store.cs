namespace DurableGateway.Benchmarks;

/// <summary>Where a measured gateway keeps its runs.</summary>
internal enum Store
{
    /// <summary>Redis with <c>appendfsync everysec</c>.</summary>
    EverySec,

    /// <summary>Redis with <c>appendfsync always</c>.</summary>
    Always,

    /// <summary>A Redis Cluster of three primaries, with <c>appendfsync everysec</c>.</summary>
    Cluster,

    /// <summary>Garnet in the gateway's own process.</summary>
    Embedded,
}
