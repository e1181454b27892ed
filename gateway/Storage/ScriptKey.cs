namespace DurableGateway.Storage;

/// <summary>
/// The keys that scripts work on. A script declares those it needs by these names (<c>@keys</c>), in this order: it is the order of
/// <c>KEYS</c> in every script.
/// </summary>
internal enum ScriptKey
{
    // Keys of a run.
    Run,
    Request,
    Steps,
    Pending,
    Result,
    History,
    Stream,
    StreamIds,
    Idempotency,

    // Of events and the steps that wait for them.
    Event,
    TopicLog,
    TypeLog,
    TopicWaiters,
    TypeWaiters,
    TopicRecipients,
    TypeRecipients,
    RecentEvents,

    // Of limits.
    Holders,
    Queue,
    QueueLengths,
    Permits,
    Starts,

    // Of operators.
    BulkAction,
    BulkActions,
    Counts,

    // Keys of the store.
    Meta,
    Scratch,
    SecondScratch,

    /// <summary>The runs of the shard whose entries in the index are out of date. Scripts that mark one declare it.</summary>
    Unlisted,

    /// <summary>The due-queue of the shard. Last, because many scripts end with it.</summary>
    Due,
}
