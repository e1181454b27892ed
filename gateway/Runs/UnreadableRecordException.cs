namespace DurableGateway.Runs;

/// <summary>A record in the store is corrupt, of an unknown version, or sealed with a key that is not configured.</summary>
internal sealed class UnreadableRecordException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The attempt that claimed the run before its record was found unreadable.</summary>
    public int Attempt { get; init; }

    /// <summary>Whether only the key is missing on this node. Another node, or a later configuration, may have it.</summary>
    public bool KeyIsMissing { get; init; }

    /// <summary>The policy of the claimed run, if the key is missing. The policy is not sealed.</summary>
    public RunPolicy? Policy { get; init; }

    /// <summary>The deadline of the claimed run, if the key is missing.</summary>
    public DateTimeOffset Deadline { get; init; }
}
