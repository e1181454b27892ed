namespace DurableGateway.Runs;

/// <summary>A record in the store is corrupt, of an unknown version, or sealed with a key that is not configured.</summary>
internal sealed class UnreadableRecordException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The attempt under which the run was claimed before its record turned out unreadable.</summary>
    public int Attempt { get; init; }

    /// <summary>Nothing is wrong but that this node lacks the key: another one, or a later configuration, may have it.</summary>
    public bool KeyIsMissing { get; init; }

    /// <summary>Where the key is missing: the policy of the claimed run, which is in clear.</summary>
    public RunPolicy? Policy { get; init; }

    /// <summary>Where the key is missing: when the claimed run has to have ended.</summary>
    public DateTimeOffset Deadline { get; init; }
}
