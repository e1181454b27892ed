namespace DurableGateway.Runs;

/// <summary>
/// The state of an attempt on this node, and of its run.
/// <code>
/// InMemory ──► Storing ──► Running ──► Parked | Ended
///    │  ▲       │  ▲  └──────────────► Parked
///    │  └───────┘  │ (no answer)
///    │             ▼
///    │        Unconfirmed
///    ▼
/// Unstorable ──► Passed
/// </code>
/// Each state in which the run is in the store, or may be, can change to <see cref="Lost"/>. Each state that is not final can change to
/// <see cref="Dropped"/>.
/// </summary>
internal enum AttemptState
{
    /// <summary>Only this node has the run, and can store it.</summary>
    InMemory,

    /// <summary>The run cannot be stored: the request is incomplete, or the client was told that it is not durable.</summary>
    Unstorable,

    /// <summary>The first write is in progress.</summary>
    Storing,

    /// <summary>The first write got no answer, so the run may be in the store.</summary>
    Unconfirmed,

    /// <summary>The run is in the store, and this attempt owns its lease.</summary>
    Running,

    /// <summary>Another attempt owns the run, or the run has ended. The call to the service is aborted.</summary>
    Lost,

    /// <summary>Final: the run waits in the store for its next attempt.</summary>
    Parked,

    /// <summary>Final: the run has ended, and its result is stored.</summary>
    Ended,

    /// <summary>Final: the run has ended without being stored.</summary>
    Passed,

    /// <summary>Final: this node leaves the run unchanged.</summary>
    Dropped,
}
