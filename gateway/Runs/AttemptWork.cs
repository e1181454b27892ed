namespace DurableGateway.Runs;

/// <summary>The work that the clock of all attempts does for an attempt.</summary>
internal enum AttemptWork
{
    None,

    /// <summary>Store the run, which has been in flight for long enough.</summary>
    Store,

    /// <summary>Renew the lease, which expires soon.</summary>
    RenewLease,
}
