namespace DurableGateway.Runs;

/// <param name="IsNew">Whether the event was taken in by this call.</param>
/// <param name="Count">How many wait for it; of one that was there already: how many it has woken.</param>
internal readonly record struct Publication(bool IsNew, int Count);
