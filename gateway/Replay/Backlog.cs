namespace DurableGateway.Replay;

/// <summary>
/// The shards that have due runs to look at: in turn, so that none waits behind another's thousands, and those whose runs
/// wait for room in a cluster only when there is some.
/// </summary>
internal sealed class Backlog
{
    private readonly Turns _ready = new();
    private readonly Dictionary<string, Turns> _held = new(StringComparer.OrdinalIgnoreCase);

    public bool IsEmpty => _ready.Count == 0 && _held.Count == 0;

    /// <summary>There may be something to claim in the shard.</summary>
    public void Add(int shard) => _ready.Add(shard);

    /// <summary>There is something in the shard for a cluster that has no room.</summary>
    public void Hold(string cluster, int shard)
    {
        if (!_held.TryGetValue(cluster, out var turns)) _held.Add(cluster, turns = new Turns());
        turns.Add(shard);
    }

    /// <summary>The next shard in turn, if there is one that makes sense to look at.</summary>
    public bool TryTake(Func<string, bool> hasRoom, out int shard)
    {
        if (_ready.TryTake(out shard)) return true;
        foreach (var (cluster, turns) in _held)
        {
            if (!hasRoom(cluster)) continue;
            turns.TryTake(out shard);
            if (turns.Count == 0) _held.Remove(cluster);
            return true;
        }

        return false;
    }

    /// <summary>A queue in which each shard stands once.</summary>
    private sealed class Turns
    {
        private readonly Queue<int> _queue = new();
        private readonly HashSet<int> _members = [];

        public int Count => _queue.Count;

        public void Add(int shard)
        {
            if (_members.Add(shard)) _queue.Enqueue(shard);
        }

        public bool TryTake(out int shard) => _queue.TryDequeue(out shard) && _members.Remove(shard);
    }
}
