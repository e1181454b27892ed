namespace DurableGateway.Runs;

/// <summary>The due runs of a shard.</summary>
/// <param name="Runs">The runs, the longest due first.</param>
/// <param name="Next">The time of the first one that is not due yet.</param>
/// <param name="Rest">Where a look goes on that ended before the last due entry; <see langword="null"/> where it did not.</param>
/// <param name="Held">The routes of which due runs were passed over.</param>
/// <param name="Outbox">The due entries of the outbox.</param>
internal readonly record struct DueRuns(
    IReadOnlyList<DueRun> Runs, DateTimeOffset? Next, QueuePlace? Rest, IReadOnlyList<string> Held, IReadOnlyList<OutboxEntry> Outbox);
