using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Concurrency limits and rate limits, which all nodes share.</summary>
internal interface IFlowStore
{
    /// <summary>Gives a run a place under its concurrency limit, or adds it to the queue.</summary>
    /// <param name="limit">The concurrency limit, with the run's position in the queue.</param>
    /// <param name="run">The run.</param>
    /// <param name="permit">The id of the permit. If empty, the caller only asks,
    /// and the store reserves the place until the lease ends.</param>
    /// <param name="leaseEnd">When the permit expires if it is not renewed.</param>
    /// <param name="lifetime">How long the store keeps the queue.</param>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    Task<ConcurrencyAnswer> EnterAsync(ConcurrencyLimit limit, RunId run, string permit, DateTimeOffset leaseEnd, TimeSpan lifetime);

    /// <summary>
    /// Releases a permit of a run. If the permit is empty, removes the run from the queue. Returns the runs that get a place.
    /// </summary>
    Task<IReadOnlyList<RunId>> LeaveAsync(ConcurrencyLimit limit, RunId run, string permit);

    /// <summary>Extends the lease of a permit. A run whose lease had expired gets its place back.</summary>
    Task KeepAsync(ConcurrencyLimit limit, RunId run, string permit, DateTimeOffset leaseEnd);

    /// <summary>Makes a run due that got a place; <see langword="false"/> if it has ended, is paused or is unknown.</summary>
    Task<bool> WakeAsync(RunId run);

    /// <summary>Postpones a due run that got no place, unless it has got one since.</summary>
    /// <returns>When it is due; <see langword="null"/> if another node has claimed it.</returns>
    Task<DateTimeOffset?> PostponeAsync(RunId run, DateTimeOffset until);

    /// <summary>Reserves a start time for a run under a rate limit, and returns it.</summary>
    Task<DateTimeOffset> ReserveAsync(string rate, RunId run, int permits, TimeSpan window);

    /// <summary>Releases the start time of a run that does not start.</summary>
    Task GiveBackAsync(string rate, RunId run);
}
