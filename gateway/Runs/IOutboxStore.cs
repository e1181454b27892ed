namespace DurableGateway.Runs;

/// <summary>The outbox in the store. Each call is one atomic change.</summary>
internal interface IOutboxStore
{
    /// <summary>Takes a due entry for this node until a time; <see langword="false"/> where another node has taken it.</summary>
    Task<bool> TryTakeAsync(OutboxEntry entry, DateTimeOffset until);

    /// <summary>Has an entry be due at a time. No effect on one that has left the outbox.</summary>
    Task PostponeAsync(OutboxEntry entry, DateTimeOffset until);

    /// <summary>Takes an entry out of the outbox.</summary>
    Task RemoveAsync(OutboxEntry entry);
}
