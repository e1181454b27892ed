namespace DurableGateway.Runs;

/// <summary>Repeats a call of the store until it answers. What is written so is the same each time, so that it happens once.</summary>
internal static class StoreRetry
{
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// How long the end of an attempt is told again: what took minutes to make is not thrown away because the store was away for one.
    /// </summary>
    public static readonly TimeSpan ForEndOfAttempt = TimeSpan.FromMinutes(10);

    /// <summary>How long somebody waits to be told what became of a write.</summary>
    public static readonly TimeSpan ForAnswer = TimeSpan.FromSeconds(5);

    /// <param name="call">The call.</param>
    /// <param name="time">The clock.</param>
    /// <param name="patience">For how long it is repeated; <see langword="null"/> for as long as it takes.</param>
    /// <param name="pause">Between two calls; <see cref="Pause"/> where it is not given.</param>
    /// <param name="goOn">Asked after each failure whether to repeat; <see langword="null"/>: always.</param>
    /// <param name="between">Called after each failure that is followed by a repetition.</param>
    /// <param name="cancellation">Ends the pauses.</param>
    /// <exception cref="StoreUnavailableException">The store is still away.</exception>
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

    /// <summary>Repeats a write only where its answer was lost: one that surely did not happen fails at once.</summary>
    /// <exception cref="StoreUnavailableException">
    /// The store is away. <see cref="StoreUnavailableException.MayHaveHappened"/> is true where any of the calls may have happened: that a
    /// later one surely did not says nothing of those before it.
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
