namespace DurableGateway.Benchmarks;

/// <param name="Target">What is to be reached, as a reader reads it; empty where there is nothing.</param>
internal sealed record Figure(string Scenario, string Name, string Contender, double Value, string Unit, string Target);
