namespace DurableGateway.Services.Checkouts;

/// <summary>The addresses at which a shop finds the services that it calls. Each ends with a slash.</summary>
internal sealed record Partners(string Payments, string Shipping, string Mails)
{
    /// <summary>The proxy that the shop is started with.</summary>
    public string? Proxy { get; init; }
}
