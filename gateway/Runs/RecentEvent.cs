namespace DurableGateway.Runs;

/// <summary>An event that was taken in.</summary>
/// <param name="Event">The event.</param>
/// <param name="At">When it came.</param>
/// <param name="Woken">How many runs it has woken so far.</param>
internal sealed record RecentEvent(StoredEvent Event, DateTimeOffset At, int Woken);
