namespace DurableGateway.Runs;

/// <summary>The settings of the engine.</summary>
internal sealed record EngineSettings(TimeSpan Lease);
