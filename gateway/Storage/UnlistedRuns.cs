using DurableGateway.Protocol;

namespace DurableGateway.Storage;

/// <summary>The shards in which this node has changed runs since the index was brought up to date there.</summary>
internal sealed class UnlistedRuns(int shards)
{
    private readonly int[] _changes = new int[shards];

    /// <summary>
    /// 1 where changes were under way when the index was brought up to date. Such a change may mark its run after that, so the index of the
    /// shard is brought up to date once more.
    /// </summary>
    private readonly int[] _underWay = new int[shards];

    public int Shards => _changes.Length;

    /// <summary>Called before the change: the store may have made it although its answer was lost.</summary>
    public void Add(RunId run) => Add(run.Shard(_changes.Length));

    public void Add(int shard) => Interlocked.Increment(ref _changes[shard]);

    public int Count(int shard) => Math.Max(Volatile.Read(ref _changes[shard]), Volatile.Read(ref _underWay[shard]));

    /// <summary>Called before the index is brought up to date.</summary>
    public void Clear(int shard)
    {
        var changes = Interlocked.Exchange(ref _changes[shard], 0);
        Volatile.Write(ref _underWay[shard], changes > 0 ? 1 : 0);
    }
}
