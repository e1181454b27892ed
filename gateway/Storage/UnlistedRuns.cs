using DurableGateway.Protocol;

namespace DurableGateway.Storage;

/// <summary>The shards in which this node has changed runs since the index was brought up to date there.</summary>
internal sealed class UnlistedRuns(int shards)
{
    private readonly int[] _changes = new int[shards];

    public int Shards => _changes.Length;

    /// <summary>Called before the change: the store may have made it although its answer was lost.</summary>
    public void Add(RunId run) => Add(run.Shard(_changes.Length));

    public void Add(int shard) => Interlocked.Increment(ref _changes[shard]);

    public int Count(int shard) => Volatile.Read(ref _changes[shard]);

    public void Clear(int shard) => Volatile.Write(ref _changes[shard], 0);
}
