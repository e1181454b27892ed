namespace DurableGateway.Configuration;

/// <summary>The range of <c>Durable:Store:MaxBytes</c>, and its default.</summary>
internal static class StoreLimits
{
    public const long Min = 16L << 20;
    public const long Max = 8L << 30;

    /// <summary>
    /// The divisor of the memory. The process needs about as much again for itself, for results in transit and for a compaction.
    /// </summary>
    private const int ShareOfMemory = 3;
    private const long DefaultMax = 2L << 30;

    /// <summary>
    /// The default: a third of the memory that this process may use (or of the container's limit, if it has one), but at most 2048 MiB.
    /// </summary>
    public static long Default { get; } = ByMemory(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    public static long ByMemory(long memory) => Math.Clamp((memory / ShareOfMemory) >> 20 << 20, Min, DefaultMax);
}
