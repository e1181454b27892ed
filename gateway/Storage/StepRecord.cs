using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>A stored step: the letter of its value, the rest of the value, and when it is due if it is pending.</summary>
internal sealed record StepRecord(string Id, char Kind, string Value, DateTimeOffset? Due, StepOutcome? Outcome);
