namespace DurableGateway.Runs;

/// <param name="Step">The answer as for any step; <see cref="StepVerdict.Scheduled"/> where it waits.</param>
/// <param name="Since">Since when what it waits for counts.</param>
/// <param name="Expiry">When nothing can come any more: it gives up, or the run ends.</param>
internal readonly record struct AwaitAnswer(StepAnswer Step, DateTimeOffset Since = default, DateTimeOffset Expiry = default);
