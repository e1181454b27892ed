namespace DurableGateway.Runs;

/// <summary>The answer to a request to store a run.</summary>
/// <param name="Turn">The turn to write the run, if the caller gets it; otherwise <see langword="null"/>.</param>
/// <param name="Outcome">Completes with whether the run is in the store.</param>
internal readonly record struct StoreTicket(StoreTurn? Turn, Task<bool> Outcome)
{
    public static StoreTicket Stored { get; } = new(null, Task.FromResult(true));
    public static StoreTicket Refused { get; } = new(null, Task.FromResult(false));
}
