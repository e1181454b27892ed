namespace DurableGateway.Runs;

/// <summary>The answer to who wants a run stored.</summary>
/// <param name="Turn">The turn to write it, where it is the caller's; else <see langword="null"/>.</param>
/// <param name="Outcome">Completes with whether the run is in the store.</param>
internal readonly record struct StoreTicket(StoreTurn? Turn, Task<bool> Outcome)
{
    public static StoreTicket Stored { get; } = new(null, Task.FromResult(true));
    public static StoreTicket Refused { get; } = new(null, Task.FromResult(false));
}
