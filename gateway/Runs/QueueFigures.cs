namespace DurableGateway.Runs;

/// <summary>How full the queues of all shards are.</summary>
/// <param name="Open">Runs that have not ended.</param>
/// <param name="Overdue">Of those, the ones that are due and that nobody has taken up.</param>
/// <param name="First">When the first of all is due.</param>
/// <param name="Queued">Runs that wait for their turn at a gate.</param>
internal readonly record struct QueueFigures(long Open, long Overdue, DateTimeOffset? First, long Queued);
