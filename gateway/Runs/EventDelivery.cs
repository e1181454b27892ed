namespace DurableGateway.Runs;

/// <summary>
/// Stores events and delivers them to the waiting runs. An event is in the outbox until it is delivered, so another node can continue the
/// delivery. A repeated delivery has no effect.
/// </summary>
internal sealed class EventDelivery(IEventStore events, WaitService waits, TimeProvider time) : IOutboxHandler
{
    /// <summary>The prefix of the outbox entry of an event.</summary>
    public const string Prefix = "e:";

    private const int Batch = 128;

    /// <summary>The time after which another node continues a delivery.</summary>
    private static readonly TimeSpan TakeoverDelay = TimeSpan.FromSeconds(10);

    /// <returns>The number of runs that the event wakes.</returns>
    public async Task<int> PublishAsync(StoredEvent arrived)
    {
        var publication = await events.PublishAsync(arrived, time.GetUtcNow() + TakeoverDelay);
        if (!publication.IsNew || publication.Count == 0) return publication.Count;
        return await DeliverAsync(arrived, publication.Count);
    }

    string IOutboxHandler.Prefix => Prefix;

    /// <summary>Continues a delivery that another node began. The last delivery removes the entry from the outbox.</summary>
    async Task<OutboxDisposition> IOutboxHandler.HandleAsync(OutboxEntry entry)
    {
        if (await events.GetAsync(entry.Shard, entry.Argument) is { } arrived) await DeliverAsync(arrived, int.MaxValue, entry.Shard);
        else await events.CrossOffAsync(entry.Shard, entry.Argument, [], 0, time.GetUtcNow() + TakeoverDelay);
        return OutboxDisposition.Kept;
    }

    private Task<int> DeliverAsync(StoredEvent arrived, int most) => DeliverAsync(arrived, most, events.ShardOf(arrived.Topic));

    private async Task<int> DeliverAsync(StoredEvent arrived, int most, int shard)
    {
        var total = 0;
        while (true)
        {
            var recipients = await events.GetRecipientsAsync(shard, arrived.Name, Batch);
            var woken = await Task.WhenAll(recipients.Select(recipient => DeliverAsync(recipient, arrived)));
            var count = woken.Count(one => one);
            total += count;
            if (!await events.CrossOffAsync(shard, arrived.Name, recipients, count, time.GetUtcNow() + TakeoverDelay))
                return Math.Min(total, most);
        }
    }

    private async Task<bool> DeliverAsync(Recipient recipient, StoredEvent arrived)
    {
        try
        {
            return Waiter.TryParse(recipient.Name, out var waiter) && await waits.DeliverAsync(waiter, recipient.AnyKey, arrived);
        }
        catch (UnreadableRecordException)
        {
            // The run fails when it is next claimed. The other recipients must not wait for it.
            return false;
        }
    }
}
