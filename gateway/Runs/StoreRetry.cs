namespace DurableGateway.Runs;

/// <summary>Repeats a store call until it succeeds. A repeated write is the same each time, so it takes effect once.</summary>
internal static class StoreRetry
{
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// How long to repeat the write of an attempt's end, so that a short outage of the store does not discard minutes of work.
    /// </summary>
    public static readonly TimeSpan ForEndOfAttempt = TimeSpan.FromMinutes(10);

    /// <summary>How long a caller waits for the result of a write.</summary>
    public static readonly TimeSpan ForAnswer = TimeSpan.FromSeconds(5);

    /// <param name="call">The call.</param>
    /// <param name="time">The clock.</param>
    /// <param name="patience">How long to repeat the call; <see langword="null"/> for no limit.</param>
    /// <param name="pause">The pause between two calls. The default is <see cref="Pause"/>.</param>
    /// <param name="goOn">Decides after each failure whether to repeat; <see langword="null"/> for always.</param>
    /// <param name="between">Called after each failure before the call is repeated.</param>
    /// <param name="cancellation">Ends the pauses.</param>
    /// <exception cref="StoreUnavailableException">The store is still unavailable.</exception>
    public static async Task<T> RepeatAsync<T>(
        Func<Task<T>> call, TimeProvider time, TimeSpan? patience, TimeSpan? pause = null,
        Func<StoreUnavailableException, bool>? goOn = null, Func<StoreUnavailableException, Task>? between = null,
        CancellationToken cancellation = default)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            StoreUnavailableException error;
            try
            {
                return await call();
            }
            catch (StoreUnavailableException e) when (
                (goOn is null || goOn(e)) && (patience is null || time.GetElapsedTime(began) < patience))
            {
                error = e;
            }

            if (between is not null) await between(error);
            await Task.Delay(pause ?? Pause, time, cancellation);
        }
    }

    /// <summary>Repeats a write only if its answer was lost. A write that certainly did not happen fails immediately.</summary>
    /// <exception cref="StoreUnavailableException">
    /// The store is unavailable. <see cref="StoreUnavailableException.MayHaveHappened"/> is true if any of the calls may have happened,
    /// even if a later one certainly did not.
    /// </exception>
    public static async Task<T> ResolveAsync<T>(
        Func<Task<T>> write, TimeProvider time, Func<StoreUnavailableException, Task>? between = null)
    {
        var isInDoubt = false;
        try
        {
            return await RepeatAsync(write, time, ForAnswer, goOn: error => isInDoubt |= error.MayHaveHappened, between: between);
        }
        catch (StoreUnavailableException e) when (isInDoubt && !e.MayHaveHappened)
        {
            throw new StoreUnavailableException(e.Message, e) { MayHaveHappened = true };
        }
    }
}
