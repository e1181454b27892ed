namespace DurableGateway.Runs;

/// <summary>Work that a crash must not lose, stored as an entry of a shard's due queue.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Name">The name in the queue: a letter for the kind, a colon, and data of the kind.</param>
internal readonly record struct OutboxEntry(int Shard, string Name)
{
    private const int PrefixLength = 2;

    /// <summary>The prefix: the letter of the kind and the colon.</summary>
    public string Prefix => Name[..PrefixLength];

    /// <summary>The part after the prefix.</summary>
    public string Argument => Name[PrefixLength..];

    /// <summary>Whether an entry of a due queue is an outbox entry and not a run.</summary>
    public static bool Is(string entry) => entry.Length > PrefixLength && entry[1] == ':';
}
