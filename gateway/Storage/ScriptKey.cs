namespace DurableGateway.Storage;

/// <summary>
/// The keys of scripts. A script declares the keys that it needs by these names (<c>@keys</c>) and in this order, which is the order of
/// <c>KEYS</c> in every script.
/// </summary>
internal enum ScriptKey
{
    // A run.
    Run,
    Request,
    Steps,
    Pending,
    Result,
    History,
    Stream,
    StreamIds,
    Idempotency,

    // Events and the steps that wait for them.
    Event,
    TopicLog,
    TypeLog,
    TopicWaiters,
    TypeWaiters,
    TopicRecipients,
    TypeRecipients,
    RecentEvents,

    // Limits.
    Holders,
    Queue,
    QueueLengths,
    Permits,
    Starts,

    // Operators.
    BulkAction,
    BulkActions,
    Counts,

    // The store.
    Meta,
    Scratch,
    SecondScratch,

    /// <summary>The runs of the shard whose entries in the index are out of date. Scripts that mark one declare it.</summary>
    Unlisted,

    /// <summary>The due-queue of the shard. Last, because many scripts end with it.</summary>
    Due,
}
