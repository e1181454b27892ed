using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>Repeats a write whose answer was lost. What is written so is the same each time, so that it happens once.</summary>
internal static class UnansweredWrites
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>How long somebody waits to be told what became of a write.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <exception cref="StoreUnavailableException">
    /// The store is away. <see cref="StoreUnavailableException.MayHaveHappened"/> is true where any of the calls may have happened: that a
    /// later one surely did not says nothing of those before it.
    /// </exception>
    public static async Task<T> ResolveAsync<T>(Func<Task<T>> write, TimeProvider time)
    {
        var began = time.GetTimestamp();
        var inDoubt = false;
        while (true)
        {
            try
            {
                return await write();
            }
            catch (StoreUnavailableException e)
            {
                inDoubt |= e.MayHaveHappened;
                if (!inDoubt) throw;
                if (time.GetElapsedTime(began) >= Patience) throw new StoreUnavailableException(e.Message, e) { MayHaveHappened = true };
            }

            await Task.Delay(Pause, time);
        }
    }
}
