namespace DurableGateway.Benchmarks;

/// <summary>What takes part in a comparison: where its requests go, and the process whose cost counts.</summary>
internal sealed record Contender(string Name, Call Call, ServerProcess Process);
