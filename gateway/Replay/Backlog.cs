using DurableGateway.Runs;

namespace DurableGateway.Replay;

/// <summary>
/// The shards that this node has yet to look at. Shards and clusters take turns, so that none waits behind another's thousands of runs. A
/// shard whose runs wait for room in a cluster comes up only when the cluster has room.
/// </summary>
internal sealed class Backlog
{
    private readonly Turns _new = new();
    private readonly Turns _again = new();
    private readonly Dictionary<string, Held> _held = new(StringComparer.OrdinalIgnoreCase);
    private readonly Queue<string> _clusters = new();
    private int _turn;

    public bool IsEmpty => _new.Count == 0 && _again.Count == 0 && _held.Count == 0;

    /// <summary>Adds a shard that may have new runs to claim.</summary>
    public void Add(int shard) => _new.Add(shard);

    /// <summary>Adds a shard that this node has already looked at, and that may have runs to claim.</summary>
    public void AddAgain(int shard) => _again.Add(shard);

    /// <summary>Adds a shard with runs that were passed over because their cluster had no room, or other runs came first.</summary>
    public void Hold(string cluster, int shard, QueuePlace from)
    {
        if (!_held.TryGetValue(cluster, out var held))
        {
            _held.Add(cluster, held = new Held());
            _clusters.Enqueue(cluster);
        }

        held.Add(shard, from);
    }

    /// <summary>Removes everything.</summary>
    public void Clear()
    {
        while (TryTake(_ => true, out _))
        {
            // TryTake removes one look at a time.
        }
    }

    /// <summary>Takes the next look whose cluster has room.</summary>
    public bool TryTake(Func<string, bool> hasRoom, out Look look)
    {
        for (var i = 0; i < 3; i++)
        {
            _turn = (_turn + 1) % 3;
            if (_turn switch
            {
                0 => TryTake(_new, LookKind.New, out look),
                1 => TryTakeHeld(hasRoom, out look),
                _ => TryTake(_again, LookKind.Again, out look),
            })
                return true;
        }

        look = default;
        return false;
    }

    private static bool TryTake(Turns turns, LookKind kind, out Look look)
    {
        var taken = turns.TryTake(out var shard);
        look = new Look(kind, shard);
        return taken;
    }

    private bool TryTakeHeld(Func<string, bool> hasRoom, out Look look)
    {
        for (var i = _clusters.Count; i > 0; i--)
        {
            var cluster = _clusters.Dequeue();
            if (hasRoom(cluster))
            {
                var held = _held[cluster];
                var (shard, from) = held.Take();
                if (held.Count == 0) _held.Remove(cluster);
                else _clusters.Enqueue(cluster);
                look = new Look(LookKind.Held, shard, cluster, from);
                return true;
            }

            _clusters.Enqueue(cluster);
        }

        look = default;
        return false;
    }

    /// <summary>A queue that contains each shard at most once.</summary>
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

    /// <summary>A queue that contains each shard at most once, with the first of the places that it was added with.</summary>
    private sealed class Held
    {
        private readonly Queue<int> _queue = new();
        private readonly Dictionary<int, QueuePlace> _places = [];

        public int Count => _queue.Count;

        public void Add(int shard, QueuePlace from)
        {
            if (_places.TryAdd(shard, from)) _queue.Enqueue(shard);
            else if (from.CompareTo(_places[shard]) < 0) _places[shard] = from;
        }

        public (int Shard, QueuePlace From) Take()
        {
            var shard = _queue.Dequeue();
            _places.Remove(shard, out var from);
            return (shard, from);
        }
    }
}
