namespace DurableGateway.Runs;

/// <summary>The sizes of the queues of all shards.</summary>
/// <param name="Open">The number of runs that have not ended.</param>
/// <param name="Overdue">The number of these that are due and not claimed.</param>
/// <param name="First">When the first run is due.</param>
/// <param name="Queued">The number of runs that wait at a concurrency limit.</param>
internal readonly record struct QueueFigures(long Open, long Overdue, DateTimeOffset? First, long Queued);
