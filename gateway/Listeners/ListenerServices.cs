using DurableGateway.Configuration;
using Microsoft.AspNetCore.Connections;

namespace DurableGateway.Listeners;

internal static class ListenerServices
{
    /// <exception cref="ConfigurationException">A certificate file cannot be read.</exception>
    public static WebApplicationBuilder AddListeners(this WebApplicationBuilder builder, GatewaySettings settings)
    {
        var connections = new PublicConnectionManager(settings.Limits, TimeProvider.System);
        var certificates = new ClientCertificateValidator(settings);
        builder.WebHost.ConfigureKestrel(kestrel => ListenerConfiguration.Configure(
            kestrel, settings, connections, certificates, kestrel.ApplicationServices.GetRequiredService<ServerCertificateProvider>()));
        builder.Services
            .AddSingleton(connections)
            .AddSingleton(certificates)
            .AddSingleton<ServerCertificateProvider>()
            .AddHostedService(provider => provider.GetRequiredService<ServerCertificateProvider>())
            .AddSingleton<PublicTransport>()
            .AddSingleton<IConnectionListenerFactory>(provider => provider.GetRequiredService<PublicTransport>())
            .AddSingleton<MatcherPolicy, ListenerMatcherPolicy>()
            .AddSingleton<EgressAddressProvider>()
            .AddSingleton<DestinationGuard>()
            .AddSingleton<TunnelHandler>()
            .AddSingleton<CallbackAddressProvider>();
        return builder;
    }
}
