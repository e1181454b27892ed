namespace DurableGateway.Configuration;

/// <summary>The range of <c>Durable:Store:MaxBytes</c>, and its default.</summary>
internal static class StoreLimits
{
    public const long Min = 16L << 20;
    public const long Max = 8L << 30;

    /// <summary>What the process needs for itself, for results in transit and for a compaction is about as much again.</summary>
    private const int ShareOfMemory = 3;
    private const long DefaultMax = 2L << 30;

    /// <summary>A third of the memory that this process may use (a container's limit, where it has one), and at most 2048 MiB.</summary>
    public static long Default { get; } = ByMemory(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    public static long ByMemory(long memory) => Math.Clamp((memory / ShareOfMemory) >> 20 << 20, Min, DefaultMax);
}
