namespace DurableGateway.Protocol;

/// <summary>
/// The fence of an attempt, which identifies its writes. The number alone is not sufficient: if the store loses a claim (a replica without
/// the claim was promoted), the next claim assigns the same number again.
/// </summary>
/// <param name="Attempt">The number of the attempt, which is sent to the service.</param>
/// <param name="Nonce">A random number of the claim that began the attempt, or of the request for the first attempt.</param>
internal readonly record struct Fence(int Attempt, uint Nonce = 0)
{
    /// <summary>Creates a random nonce.</summary>
    public static uint NewNonce() => (uint)Random.Shared.NextInt64(1, 1L << 32);

    /// <summary>An attempt without a nonce.</summary>
    public static implicit operator Fence(int attempt) => new(attempt);
}
