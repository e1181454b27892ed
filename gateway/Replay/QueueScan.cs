using DurableGateway.Runs;

namespace DurableGateway.Replay;

/// <summary>
/// Records how far this node has looked into the queue of each shard, so that runs that could not start are not looked at again with each
/// run that becomes due after them. A look for new runs continues where the last one ended. A second place goes through the whole queue,
/// one page per sweep, for runs that were added before the first place, such as those that another node made due and has no room for.
/// </summary>
internal sealed class QueueScan(int shards)
{
    /// <summary>How far a look starts before the last place: an entry is written a little later than its due time.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(3);

    private readonly QueuePlace[] _new = new QueuePlace[shards];
    private readonly QueuePlace[] _again = new QueuePlace[shards];

    /// <summary>The place where a look starts.</summary>
    public QueuePlace PlaceOf(Look look) => look.Kind switch
    {
        LookKind.New => _new[look.Shard],
        LookKind.Again => _again[look.Shard],
        _ => look.From,
    };

    /// <summary>Whether this node has looked at the shard.</summary>
    public bool HasSeen(int shard) => _new[shard] != default;

    /// <summary>Moves the start back if something is due before it.</summary>
    public void Hear(int shard, DateTimeOffset due)
    {
        var place = new QueuePlace(due.ToUnixTimeMilliseconds(), 0);
        if (place.CompareTo(_new[shard]) < 0) _new[shard] = place;
    }

    /// <summary>Records a finished look.</summary>
    /// <param name="look">The look.</param>
    /// <param name="rest">Where to continue; <see langword="null"/> if the look has seen everything that is due.</param>
    /// <param name="now">The time of the look.</param>
    public void Looked(Look look, QueuePlace? rest, DateTimeOffset now)
    {
        if (look.Kind == LookKind.New) _new[look.Shard] = rest ?? new QueuePlace((now - Overlap).ToUnixTimeMilliseconds(), 0);
        if (look.Kind == LookKind.Again) _again[look.Shard] = rest ?? default;
    }

    /// <summary>Starts all shards from the beginning again.</summary>
    public void Reset()
    {
        Array.Clear(_new);
        Array.Clear(_again);
    }
}
