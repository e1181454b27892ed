using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>The answer of the store to a run that asks for a place.</summary>
/// <param name="IsIn">Whether the run has a place.</param>
/// <param name="Before">The number of runs before it in the queue.</param>
/// <param name="Woken">The runs that got a place from the queue.</param>
internal readonly record struct ConcurrencyAnswer(bool IsIn, int Before, IReadOnlyList<RunId> Woken);
