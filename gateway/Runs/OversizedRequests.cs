namespace DurableGateway.Runs;

/// <summary>What happens to a request whose body exceeds <see cref="RunPolicy.MaxRequestBytes"/>.</summary>
internal enum OversizedRequests
{
    /// <summary>It is proxied without durability, and says so: <c>Durable-Status: not-durable</c>.</summary>
    Proxy,

    /// <summary>It is refused with <c>413</c>.</summary>
    Refuse,
}
