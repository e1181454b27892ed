namespace DurableGateway.Runs;

/// <summary>A stored event.</summary>
/// <param name="Event">The event.</param>
/// <param name="At">When it was stored.</param>
/// <param name="Woken">The number of runs that it has woken.</param>
internal sealed record RecentEvent(StoredEvent Event, DateTimeOffset At, int Woken);
