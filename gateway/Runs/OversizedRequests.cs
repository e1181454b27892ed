namespace DurableGateway.Runs;

/// <summary>What happens to a request whose body exceeds <see cref="RunPolicy.MaxRequestBytes"/>.</summary>
internal enum OversizedRequests
{
    /// <summary>The request is proxied without durability. Its response has <c>Durable-Status: not-durable</c>.</summary>
    Proxy,

    /// <summary>The request is refused with <c>413</c>.</summary>
    Refuse,
}
