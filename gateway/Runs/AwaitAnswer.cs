namespace DurableGateway.Runs;

/// <param name="Step">The answer for the step; <see cref="StepVerdict.Scheduled"/> if it waits.</param>
/// <param name="Since">The time from which deliveries count.</param>
/// <param name="Expiry">When the wait or the run ends.</param>
internal readonly record struct AwaitAnswer(StepAnswer Step, DateTimeOffset Since = default, DateTimeOffset Expiry = default);
