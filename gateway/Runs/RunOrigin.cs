namespace DurableGateway.Runs;

/// <summary>The stored facts about a run that has no attempt on this node.</summary>
/// <param name="Route">The id of its route.</param>
/// <param name="Policy">The name of its policy.</param>
/// <param name="Attempt">The number of its last attempt.</param>
/// <param name="StartedAt">Its start.</param>
/// <param name="TraceParent">The span of the client's request; empty if it is not known.</param>
internal sealed record RunOrigin(string Route, string Policy, int Attempt, DateTimeOffset StartedAt, string TraceParent);
