using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Identifies an attempt and its node.</summary>
/// <param name="Run">The run.</param>
/// <param name="Number">The number of the attempt.</param>
/// <param name="Owner">The node.</param>
/// <param name="Nonce">See <see cref="Protocol.Fence"/>.</param>
internal readonly record struct AttemptKey(RunId Run, int Number, string Owner, uint Nonce = 0)
{
    public Fence Fence => new(Number, Nonce);
}
