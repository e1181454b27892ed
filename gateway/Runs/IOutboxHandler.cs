namespace DurableGateway.Runs;

/// <summary>Does the work of one kind of outbox entry. The work may be asked for more than once, by several nodes.</summary>
internal interface IOutboxHandler
{
    /// <summary>What the names of its entries begin with: a letter and a colon.</summary>
    string Prefix { get; }

    /// <exception cref="StoreUnavailableException">The store is away: the entry stays, and is due again.</exception>
    /// <exception cref="UnreadableRecordException">A record is corrupt, or its key is missing: the entry stays,
    /// and is due again.</exception>
    Task<OutboxDisposition> HandleAsync(OutboxEntry entry);
}
