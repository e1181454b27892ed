using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Concurrency limits and rates, which all nodes share.</summary>
internal interface IFlowStore
{
    /// <summary>Lets a run through its gate, or has it wait.</summary>
    /// <param name="gate">The gate, with the run's place in the order.</param>
    /// <param name="run">The run.</param>
    /// <param name="permit">What the place is held by; empty: the caller only asks,
    /// and the place of one who is let in is kept until the lease ends.</param>
    /// <param name="leaseEnd">When who has not been heard of since has left.</param>
    /// <param name="lifetime">How long those who wait are kept.</param>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    Task<ConcurrencyAnswer> EnterAsync(ConcurrencyLimit gate, RunId run, string permit, DateTimeOffset leaseEnd, TimeSpan lifetime);

    /// <summary>
    /// A run gives a permit back, or, where that is empty, is not waited for any more; answers those whose turn has come.
    /// </summary>
    Task<IReadOnlyList<RunId>> LeaveAsync(ConcurrencyLimit gate, RunId run, string permit);

    /// <summary>Extends the lease of a run that is in; one whose lease ran out is in again.</summary>
    Task KeepAsync(ConcurrencyLimit gate, RunId run, string permit, DateTimeOffset leaseEnd);

    /// <summary>Makes a run due whose turn has come; <see langword="false"/> where it has ended, is paused or is unknown.</summary>
    Task<bool> WakeAsync(RunId run);

    /// <summary>Puts off a due run that was turned away, unless its turn has come since.</summary>
    /// <returns>When it is due; <see langword="null"/> where it is somebody else's by now.</returns>
    Task<DateTimeOffset?> PostponeAsync(RunId run, DateTimeOffset until);

    /// <summary>When a run may start; that time is kept for it.</summary>
    Task<DateTimeOffset> ReserveAsync(string rate, RunId run, int permits, TimeSpan window);

    /// <summary>A run does not start after all: its time is free for others.</summary>
    Task GiveBackAsync(string rate, RunId run);
}
