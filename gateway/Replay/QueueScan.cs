using DurableGateway.Runs;

namespace DurableGateway.Replay;

/// <summary>
/// How far this node has looked into the queue of each shard. What could not start is not looked at again with every run that becomes due
/// behind it: a look for what is new goes on where the last one ended. A second place goes through the whole queue, a page with each
/// sweep, for what was entered before the first one: another node may have made a run due for which it has no room itself.
/// </summary>
internal sealed class QueueScan(int shards)
{
    /// <summary>An entry is written a little later than the time that it bears.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(3);

    private readonly QueuePlace[] _new = new QueuePlace[shards];
    private readonly QueuePlace[] _again = new QueuePlace[shards];

    /// <summary>Where a look begins.</summary>
    public QueuePlace PlaceOf(Look look) => look.Kind switch
    {
        LookKind.New => _new[look.Shard],
        LookKind.Again => _again[look.Shard],
        _ => look.From,
    };

    /// <summary>Whether the shard has been looked at.</summary>
    public bool HasSeen(int shard) => _new[shard] != default;

    /// <summary>Something is due at a time, and may be before the place that has been reached.</summary>
    public void Hear(int shard, DateTimeOffset due)
    {
        var place = new QueuePlace(due.ToUnixTimeMilliseconds(), 0);
        if (place.CompareTo(_new[shard]) < 0) _new[shard] = place;
    }

    /// <summary>A look has been made.</summary>
    /// <param name="look">The look.</param>
    /// <param name="rest">Where it goes on; <see langword="null"/>: it has seen all that was due.</param>
    /// <param name="now">The time for which it was made.</param>
    public void Looked(Look look, QueuePlace? rest, DateTimeOffset now)
    {
        if (look.Kind == LookKind.New) _new[look.Shard] = rest ?? new QueuePlace((now - Overlap).ToUnixTimeMilliseconds(), 0);
        if (look.Kind == LookKind.Again) _again[look.Shard] = rest ?? default;
    }

    /// <summary>All is looked at anew.</summary>
    public void Reset()
    {
        Array.Clear(_new);
        Array.Clear(_again);
    }
}
