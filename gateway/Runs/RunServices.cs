using DurableGateway.Protocol;

namespace DurableGateway.Runs;

internal static class RunServices
{
    public static IServiceCollection AddRuns(
        this IServiceCollection services, EngineSettings settings, RecordingOptions recording) => services
        .AddSingleton(settings)
        .AddSingleton(recording)
        .AddSingleton<KeyRing>()
        .AddSingleton<Tokens>()
        .AddSingleton<RunEvents>()
        .AddSingleton<RunEngine>()
        .AddSingleton<FlowControl>()
        .AddHostedService(provider => provider.GetRequiredService<FlowControl>())
        .AddSingleton<RunEndNotifier>()
        .AddSingleton<WaitService>()
        .AddSingleton<EventDelivery>()
        .AddSingleton<IOutboxHandler>(provider => provider.GetRequiredService<EventDelivery>())
        .AddSingleton<InvocationResultDelivery>()
        .AddSingleton<IOutboxHandler>(provider => provider.GetRequiredService<InvocationResultDelivery>())
        .AddSingleton<AttemptRegistry>()
        .AddHostedService(provider => provider.GetRequiredService<AttemptRegistry>());
}
