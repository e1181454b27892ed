namespace DurableGateway.Configuration;

internal static class ConfigurationServices
{
    /// <param name="services">The services.</param>
    /// <param name="line">The command line.</param>
    /// <param name="settings">The settings that are read only at the start.</param>
    /// <param name="routes">The source of YARP's routes, which follow changes.</param>
    public static IServiceCollection AddGatewayConfiguration(
        this IServiceCollection services, StartOptions line, GatewaySettings settings, RouteSource routes) => services
        .AddSingleton(line)
        .AddSingleton(settings)
        .AddSingleton(routes)
        .AddSingleton<PolicyRegistry>()
        .AddHostedService<Reloader>();
}
