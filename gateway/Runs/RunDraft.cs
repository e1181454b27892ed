namespace DurableGateway.Runs;

/// <summary>A live request as long as its run is not stored. It is asked for the record when the run has to be.</summary>
internal abstract class RunDraft
{
    /// <summary>Takes in what is left of the request, and makes the record of the run. May be called again.</summary>
    /// <returns><see langword="null"/> where there is no whole request that could be stored.</returns>
    public abstract Task<NewRun?> CompleteAsync(CancellationToken cancellation);
}
