using System.Diagnostics.CodeAnalysis;

namespace DurableGateway.Runs;

/// <summary>The right to write a run for the first time. One caller has it at a time. The others wait for the result.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A source without a timer and a wait handle holds nothing to dispose of.")]
internal sealed class StoreTurn
{
    private readonly TaskCompletionSource<bool> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _preparing = new();

    /// <param name="repeats">Whether an earlier write got no answer.</param>
    public StoreTurn(bool repeats) => Repeats = repeats;

    public bool Repeats { get; }

    /// <summary>Cancelled when no caller waits for the reading of the request. The write itself is not cancelled.</summary>
    public CancellationToken Preparing => _preparing.Token;

    /// <summary>Whether the run is in the store.</summary>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    public Task<bool> Outcome => _outcome.Task;

    public void StopPreparing() => _preparing.Cancel();

    public void Complete(bool isStored) => _outcome.SetResult(isStored);

    public void Fail(Exception error) => _outcome.SetException(error);
}
