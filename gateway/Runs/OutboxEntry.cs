namespace DurableGateway.Runs;

/// <summary>Work that a crash must not lose, as an entry of a shard's due-queue beside the runs.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Name">As it stands in the queue: a letter for the kind, a colon, and what the kind needs to know.</param>
internal readonly record struct OutboxEntry(int Shard, string Name)
{
    private const int PrefixLength = 2;

    /// <summary>The letter of the kind and the colon.</summary>
    public string Prefix => Name[..PrefixLength];

    /// <summary>What stands behind the prefix.</summary>
    public string Argument => Name[PrefixLength..];

    /// <summary>Tells entries of the outbox from runs.</summary>
    public static bool Is(string entry) => entry.Length > PrefixLength && entry[1] == ':';
}
