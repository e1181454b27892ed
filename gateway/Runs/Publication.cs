namespace DurableGateway.Runs;

/// <param name="IsNew">Whether this call stored the event.</param>
/// <param name="Count">For a new event, the number of waiting steps. Otherwise the number of runs that it has woken.</param>
internal readonly record struct Publication(bool IsNew, int Count);
