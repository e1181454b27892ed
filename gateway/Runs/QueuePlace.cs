namespace DurableGateway.Runs;

/// <summary>A place in a due queue at which a query continues. The default is the head.</summary>
/// <param name="Score">The time of the first entry there, in milliseconds; 0: the head of the queue.</param>
/// <param name="Skip">The number of entries of that time to skip.</param>
internal readonly record struct QueuePlace(long Score, int Skip) : IComparable<QueuePlace>
{
    public int CompareTo(QueuePlace other) => Score != other.Score ? Score.CompareTo(other.Score) : Skip.CompareTo(other.Skip);
}
