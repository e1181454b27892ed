namespace DurableGateway.Runs;

/// <summary>What the engine needs of the configuration.</summary>
internal sealed record EngineSettings(TimeSpan Lease);
