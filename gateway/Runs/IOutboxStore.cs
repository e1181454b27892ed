namespace DurableGateway.Runs;

/// <summary>The outbox in the store. Each call is one atomic change.</summary>
internal interface IOutboxStore
{
    /// <summary>Takes a due entry for this node until a time; <see langword="false"/> if another node has taken it.</summary>
    Task<bool> TryTakeAsync(OutboxEntry entry, DateTimeOffset until);

    /// <summary>Sets when an entry is due. No effect if the entry has left the outbox.</summary>
    Task PostponeAsync(OutboxEntry entry, DateTimeOffset until);

    /// <summary>Removes an entry from the outbox.</summary>
    Task RemoveAsync(OutboxEntry entry);
}
