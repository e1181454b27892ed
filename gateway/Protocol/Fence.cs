namespace DurableGateway.Protocol;

/// <summary>
/// The fencing token of an attempt: what tells its writes from those of any other. The number alone does not: where a store has lost the
/// claim that gave it out (a replica that had not seen the claim was promoted), the next claim gives it out again.
/// </summary>
/// <param name="Attempt">The number of the attempt, as the service is told it.</param>
/// <param name="Nonce">A random number of the claim that began the attempt, or of the request where it was the first.</param>
internal readonly record struct Fence(int Attempt, uint Nonce = 0)
{
    /// <summary>A random nonce.</summary>
    public static uint NewNonce() => (uint)Random.Shared.NextInt64(1, 1L << 32);

    /// <summary>An attempt without a nonce.</summary>
    public static implicit operator Fence(int attempt) => new(attempt);
}
