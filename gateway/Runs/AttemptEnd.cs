namespace DurableGateway.Runs;

/// <summary>The state of a run after an attempt ended.</summary>
/// <param name="State">The final state of the attempt.</param>
/// <param name="Due">When the run is due, if it waits.</param>
internal readonly record struct AttemptEnd(AttemptState State, DateTimeOffset Due = default);
