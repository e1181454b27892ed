using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>A step as it stands in the store: its value's letter, what that says, and when it is due where it is pending.</summary>
internal sealed record StepRecord(string Id, char Kind, string Value, DateTimeOffset? Due, StepOutcome? Outcome);
