using System.Runtime.CompilerServices;
using DurableGateway.Configuration;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Proxy;

/// <summary>
/// Which build of a service runs at which destination: as the destination's metadata <c>Durable.Build</c> says, or as its last response
/// did (<c>Durable-Build</c>).
/// </summary>
internal sealed class ServiceBuildTracker
{
    private readonly ConditionalWeakTable<DestinationState, string> _learned = [];

    public void Learn(HttpContext context, string? build)
    {
        if (!string.IsNullOrEmpty(build) && context.Features.Get<IReverseProxyFeature>()?.ProxiedDestination is { } destination)
            _learned.AddOrUpdate(destination, build);
    }

    public bool Has(DestinationState destination, string build) =>
        destination.Model.Config.Metadata?.GetValueOrDefault(ClusterChecks.BuildMetadata) is { } configured ? configured == build
        : _learned.TryGetValue(destination, out var learned) && learned == build;
}
