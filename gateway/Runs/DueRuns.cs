namespace DurableGateway.Runs;

/// <summary>The due runs of a shard.</summary>
/// <param name="Runs">The runs, the longest due first.</param>
/// <param name="Next">When the next entry becomes due that is not due yet.</param>
/// <param name="Rest">Where the next query continues; <see langword="null"/> if this one reached the last due entry.</param>
/// <param name="Held">The routes whose due runs were skipped.</param>
/// <param name="Outbox">The due entries of the outbox.</param>
internal readonly record struct DueRuns(
    IReadOnlyList<DueRun> Runs, DateTimeOffset? Next, QueuePlace? Rest, IReadOnlyList<string> Held, IReadOnlyList<OutboxEntry> Outbox);
