using DurableGateway.Protocol;

namespace DurableGateway.Egress;

/// <summary>The attempt that a call belongs to.</summary>
/// <param name="Run">The run.</param>
/// <param name="Attempt">The attempt.</param>
/// <param name="Node">The egress address of the node that holds the attempt.</param>
internal readonly record struct CallBinding(RunId Run, Fence Attempt, string Node);
