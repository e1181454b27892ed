namespace DurableGateway.Runs;

/// <summary>
/// Where a run stands with the attempt that this node has in hand.
/// <code>
/// InMemory ──► Storing ──► Running ──► Parked | Ended
///    │  ▲       │  ▲  └──────────────► Parked
///    │  └───────┘  │ (no answer)
///    │             ▼
///    │        Unconfirmed
///    ▼
/// Unstorable ──► Passed
/// </code>
/// Any state in which the run is, or may be, in the store leads to <see cref="Lost"/>; any state that is not final leads to
/// <see cref="Dropped"/>.
/// </summary>
internal enum AttemptState
{
    /// <summary>This node alone knows the run, and may store it.</summary>
    InMemory,

    /// <summary>The run cannot be stored: there is no whole request, or the client was told that the request is not durable.</summary>
    Unstorable,

    /// <summary>The first write is under way.</summary>
    Storing,

    /// <summary>A first write got no answer: the run may be in the store.</summary>
    Unconfirmed,

    /// <summary>The run is in the store, and this attempt holds it by a lease.</summary>
    Running,

    /// <summary>Another attempt owns the run, or the run has ended. The call to the service is aborted.</summary>
    Lost,

    /// <summary>Final: the run waits in the store for its next attempt.</summary>
    Parked,

    /// <summary>Final: the run has ended, and its result is stored.</summary>
    Ended,

    /// <summary>Final: the run has ended, and never needed the store.</summary>
    Passed,

    /// <summary>Final: this node leaves the run as it is.</summary>
    Dropped,
}
