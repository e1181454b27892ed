using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>What the store says to a run that asks for its place.</summary>
/// <param name="IsIn">Whether it may go on.</param>
/// <param name="Before">How many wait before it.</param>
/// <param name="Woken">Those whose turn has come.</param>
internal readonly record struct ConcurrencyAnswer(bool IsIn, int Before, IReadOnlyList<RunId> Woken);
