namespace DurableGateway.Runs;

/// <summary>
/// Takes events in and brings them to the runs that wait for them. What is taken in is in a due-queue until it has been delivered, so
/// another node goes on where this one stopped; a delivery that is made twice wakes nobody twice.
/// </summary>
internal sealed class EventDelivery(IEventStore events, WaitService waits, TimeProvider time) : IOutboxHandler
{
    /// <summary>What the entry of an event in a due-queue begins with.</summary>
    public const string Prefix = "e:";

    private const int Batch = 128;

    /// <summary>After this time another node goes on with a delivery.</summary>
    private static readonly TimeSpan TakeoverDelay = TimeSpan.FromSeconds(10);

    /// <returns>How many runs it has woken, or will have.</returns>
    public async Task<int> PublishAsync(StoredEvent arrived)
    {
        var publication = await events.PublishAsync(arrived, time.GetUtcNow() + TakeoverDelay);
        if (!publication.IsNew || publication.Count == 0) return publication.Count;
        return await DeliverAsync(arrived, publication.Count);
    }

    string IOutboxHandler.Prefix => Prefix;

    /// <summary>Goes on with a delivery that another node began. The last delivery takes the entry out of the outbox.</summary>
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
            // That run fails when it is taken up next; the others are not to wait for it.
            return false;
        }
    }
}
