namespace DurableGateway.Runs;

/// <summary>Events, and who waits for them, by topic (§6).</summary>
internal interface IEventStore
{
    /// <summary>Has a step hear of events of a topic, and names those that are there already, the earliest first.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="waiter">The step.</param>
    /// <param name="expiry">Until when it waits.</param>
    /// <param name="since">Since when events count.</param>
    /// <param name="skip">How many of them to pass over.</param>
    /// <param name="limit">The most to name.</param>
    Task<IReadOnlyList<string>> ListenAsync(Topic topic, Waiter waiter, DateTimeOffset expiry, DateTimeOffset since, int skip, int limit);

    /// <summary>A step no longer waits.</summary>
    Task UnlistenAsync(Topic topic, Waiter waiter);

    /// <summary>Takes an event in, once, and hands it to whoever waits at this moment.</summary>
    /// <param name="published">The event.</param>
    /// <param name="others">When another node delivers it, should this one be gone.</param>
    Task<Publication> PublishAsync(StoredEvent published, DateTimeOffset others);

    /// <summary>An event that is kept; <see langword="null"/> where it is gone.</summary>
    Task<StoredEvent?> GetAsync(int shard, string name);

    /// <summary>The events that were taken in last, the newest first, as long as they are kept.</summary>
    Task<IReadOnlyList<RecentEvent>> GetRecentAsync(int limit);

    /// <summary>The shard that a topic and its events are in.</summary>
    int ShardOf(Topic topic);

    /// <summary>Some of those whom an event is still to be delivered to.</summary>
    Task<IReadOnlyList<Recipient>> GetRecipientsAsync(int shard, string name, int limit);

    /// <summary>Crosses off those whom an event has been delivered to; <see langword="true"/> where there are more.</summary>
    Task<bool> CrossOffAsync(int shard, string name, IReadOnlyList<Recipient> recipients, int woken, DateTimeOffset others);
}
