namespace DurableGateway.Runs;

/// <summary>Processes one kind of outbox entries. Several nodes can process the same entry, more than once.</summary>
internal interface IOutboxHandler
{
    /// <summary>The prefix of the names of its entries: a letter and a colon.</summary>
    string Prefix { get; }

    /// <exception cref="StoreUnavailableException">The store is unavailable. The entry stays and becomes due again.</exception>
    /// <exception cref="UnreadableRecordException">A record is corrupt, or its key is missing. The entry stays
    /// and becomes due again.</exception>
    Task<OutboxDisposition> HandleAsync(OutboxEntry entry);
}
