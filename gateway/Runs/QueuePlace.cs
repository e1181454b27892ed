namespace DurableGateway.Runs;

/// <summary>A place in a due-queue, from which a look at it goes on; by default its head.</summary>
/// <param name="Score">The time of the first entry there, in milliseconds; 0: the head of the queue.</param>
/// <param name="Skip">How many entries of that time are before it.</param>
internal readonly record struct QueuePlace(long Score, int Skip) : IComparable<QueuePlace>
{
    public int CompareTo(QueuePlace other) => Score != other.Score ? Score.CompareTo(other.Score) : Skip.CompareTo(other.Skip);
}
