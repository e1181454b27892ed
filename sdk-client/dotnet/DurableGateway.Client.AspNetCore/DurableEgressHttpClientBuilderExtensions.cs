using DurableGateway.Client.Http;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers HTTP clients whose calls go through the egress listener of the gateway.</summary>
public static class DurableEgressHttpClientBuilderExtensions
{
    /// <summary>Adds a <see cref="DurableEgressHandler"/> to a client all of whose calls go through the listener.</summary>
    /// <param name="builder">The builder of the client.</param>
    /// <returns>The builder.</returns>
    public static IHttpClientBuilder AddDurableEgressHandler(this IHttpClientBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddHttpMessageHandler(() => new DurableEgressHandler());
    }
}
