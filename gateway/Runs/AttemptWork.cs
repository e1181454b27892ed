namespace DurableGateway.Runs;

/// <summary>What the clock of all attempts has to do for one of them.</summary>
internal enum AttemptWork
{
    None,

    /// <summary>The run has been in flight long enough to be stored.</summary>
    Store,

    /// <summary>The lease runs out before long.</summary>
    RenewLease,
}
