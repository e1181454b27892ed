using DurableGateway.Protocol;

namespace DurableGateway.Runs;

internal static class RunServices
{
    public static IServiceCollection AddRuns(this IServiceCollection services, EngineSettings settings, StoreWishes wishes) => services
        .AddSingleton(settings)
        .AddSingleton(wishes)
        .AddSingleton<KeyRing>()
        .AddSingleton<Tokens>()
        .AddSingleton<RunEngine>()
        .AddSingleton<FlowControl>()
        .AddHostedService(provider => provider.GetRequiredService<FlowControl>())
        .AddSingleton<EndedRuns>()
        .AddSingleton<Waits>()
        .AddSingleton<EventDelivery>()
        .AddSingleton<IOutboxHandler>(provider => provider.GetRequiredService<EventDelivery>())
        .AddSingleton<InvocationResults>()
        .AddSingleton<IOutboxHandler>(provider => provider.GetRequiredService<InvocationResults>())
        .AddSingleton<AttemptRegistry>()
        .AddHostedService(provider => provider.GetRequiredService<AttemptRegistry>());
}
