namespace DurableGateway.Runs;

/// <summary>Events and the steps that wait for them, by topic (§6).</summary>
internal interface IEventStore
{
    /// <summary>Subscribes a step to a topic, and lists the events that are already stored, the earliest first.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="waiter">The step.</param>
    /// <param name="expiry">When the wait ends.</param>
    /// <param name="since">The time from which events count.</param>
    /// <param name="skip">The number of events to skip.</param>
    /// <param name="limit">The maximum number of events to list.</param>
    Task<IReadOnlyList<string>> ListenAsync(Topic topic, Waiter waiter, DateTimeOffset expiry, DateTimeOffset since, int skip, int limit);

    /// <summary>Removes a step from a topic.</summary>
    Task UnlistenAsync(Topic topic, Waiter waiter);

    /// <summary>Stores an event once, and assigns it to the steps that wait for it.</summary>
    /// <param name="published">The event.</param>
    /// <param name="others">When another node delivers it if this one has died.</param>
    Task<Publication> PublishAsync(StoredEvent published, DateTimeOffset others);

    /// <summary>A stored event; <see langword="null"/> if it no longer exists.</summary>
    Task<StoredEvent?> GetAsync(int shard, string name);

    /// <summary>The most recent stored events, the newest first.</summary>
    Task<IReadOnlyList<RecentEvent>> GetRecentAsync(int limit);

    /// <summary>The shard of a topic and its events.</summary>
    int ShardOf(Topic topic);

    /// <summary>Some of the recipients to which an event has not been delivered yet.</summary>
    Task<IReadOnlyList<Recipient>> GetRecipientsAsync(int shard, string name, int limit);

    /// <summary>Removes recipients to which an event was delivered; <see langword="true"/> if there are more.</summary>
    Task<bool> CrossOffAsync(int shard, string name, IReadOnlyList<Recipient> recipients, int woken, DateTimeOffset others);
}
