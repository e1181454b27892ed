using DurableGateway.Runs;

namespace DurableGateway.Replay;

/// <summary>
/// The looks that are to be made at shards: in turn, so that none waits behind another's thousands, neither shards nor clusters, and
/// those whose runs wait for room in a cluster only when there is some.
/// </summary>
internal sealed class Backlog
{
    private readonly Turns _new = new();
    private readonly Turns _again = new();
    private readonly Dictionary<string, Held> _held = new(StringComparer.OrdinalIgnoreCase);
    private readonly Queue<string> _clusters = new();
    private int _turn;

    public bool IsEmpty => _new.Count == 0 && _again.Count == 0 && _held.Count == 0;

    /// <summary>There may be something new to claim in the shard.</summary>
    public void Add(int shard) => _new.Add(shard);

    /// <summary>There may be something to claim in the shard where this node has looked already.</summary>
    public void AddAgain(int shard) => _again.Add(shard);

    /// <summary>There is something in the shard, from a place on, that was passed over for the others of its cluster.</summary>
    public void Hold(string cluster, int shard, QueuePlace from)
    {
        if (!_held.TryGetValue(cluster, out var held))
        {
            _held.Add(cluster, held = new Held());
            _clusters.Enqueue(cluster);
        }

        held.Add(shard, from);
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        while (TryTake(_ => true, out _))
        {
            // One after the other.
        }
    }

    /// <summary>The next look in turn, if there is one that makes sense.</summary>
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

    /// <summary>A queue in which each shard stands once, with the first of the places that it was added with.</summary>
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
