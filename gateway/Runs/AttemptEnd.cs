namespace DurableGateway.Runs;

/// <summary>What became of the run when an attempt ended.</summary>
/// <param name="State">The state that the attempt ended in.</param>
/// <param name="Due">When the run is due, where it waits.</param>
internal readonly record struct AttemptEnd(AttemptState State, DateTimeOffset Due = default);
