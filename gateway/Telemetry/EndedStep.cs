namespace DurableGateway.Telemetry;

/// <summary>A step that is over, as its span shows it.</summary>
internal readonly record struct EndedStep(string Id, string Type, bool Failed, TimeSpan Took);
