using DurableGateway.Runs;
using Yarp.ReverseProxy.Transforms.Builder;

namespace DurableGateway.Egress;

internal static class EgressServices
{
    /// <summary>Call this after the proxy's own transforms are added, because those of calls see the response last.</summary>
    public static IServiceCollection AddEgress(this IServiceCollection services) => services
        .AddSingleton<ITransformProvider, CallRequestTransforms>()
        .AddSingleton<ITransformProvider, CallResponseTransforms>()
        .AddSingleton<CallBinder>()
        .AddSingleton<CallLedgers>()
        .AddSingleton<CallForwarder>()
        .AddSingleton<CallMaker>()
        .AddSingleton<NodeForwarder>()
        .AddSingleton<EndedAttempts>()
        .AddSingleton<IRunObserver>(provider => provider.GetRequiredService<EndedAttempts>());
}
