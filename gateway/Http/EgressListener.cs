namespace DurableGateway.Http;

/// <summary>The connection arrived at the egress listener, which takes the calls that services make.</summary>
internal sealed class EgressListener
{
    public static EgressListener Instance { get; } = new();

    /// <summary>Whether the request arrived at the egress listener.</summary>
    public static bool Has(HttpContext context) => context.Features.Get<EgressListener>() is not null;
}
