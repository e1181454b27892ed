using DurableGateway.Runs;

namespace DurableGateway.Telemetry;

/// <summary>An ended step, as its span shows it.</summary>
internal readonly record struct EndedStep(string Id, string Type, bool Failed, TimeSpan Took, FailureText Failure = default);
