namespace DurableGateway.Runs;

/// <summary>A live request whose run is not stored yet. It creates the record when the run must be stored.</summary>
internal abstract class RunDraft
{
    /// <summary>Reads the rest of the request and creates the record of the run. Can be called again.</summary>
    /// <returns><see langword="null"/> if there is no complete request to store.</returns>
    public abstract Task<NewRun?> CompleteAsync(CancellationToken cancellation);
}
