using DurableGateway.Configuration;
using DurableGateway.Runs;

namespace DurableGateway.Replay;

internal static class ReplayServices
{
    public static IServiceCollection AddReplay(this IServiceCollection services, GatewaySettings settings) => services
        .Configure<HostOptions>(host => host.ShutdownTimeout = settings.ShutdownTimeout + (2 * Drain.Grace))
        .AddSingleton(provider => new DueClock(settings.Shards, provider.GetRequiredService<TimeProvider>()))
        .AddSingleton<RunSignalHub>()
        .AddSingleton<IRunSignals>(provider => provider.GetRequiredService<RunSignalHub>())
        .AddSingleton<IRunObserver>(provider => provider.GetRequiredService<RunSignalHub>())
        .AddHostedService(provider => provider.GetRequiredService<RunSignalHub>())
        .AddSingleton<Outbox>()
        .AddSingleton<ReplaySlots>()
        .AddHostedService<ReplayGauges>()
        .AddSingleton<ReplayRunner>()
        .AddHostedService<ReplayLoop>()
        .AddHostedService<Drain>();
}
