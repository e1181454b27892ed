using System.Runtime.CompilerServices;
using DurableGateway.Configuration;
using DurableGateway.Runs;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Proxy;

/// <summary>
/// Tracks which build of a service runs at which destination, from the destination's metadata <c>Durable.Build</c> or from its last
/// response (<c>Durable-Build</c>).
/// </summary>
internal sealed class ServiceBuildTracker
{
    private readonly ConditionalWeakTable<DestinationState, string> _learned = [];

    public void Learn(HttpContext context, string? build)
    {
        if (!string.IsNullOrEmpty(build) && context.Features.Get<IReverseProxyFeature>()?.ProxiedDestination is { } destination)
            _learned.AddOrUpdate(destination, build);
    }

    /// <summary>
    /// Sends a replay to a destination of the build whose steps the run has, where its policy wants that and there is one.
    /// </summary>
    public void Pin(HttpContext context, Attempt attempt)
    {
        if (attempt is not { Build: { } build, Policy.PinToBuild: true }) return;
        var proxy = context.GetReverseProxyFeature();
        var same = proxy.AvailableDestinations.Where(destination => Has(destination, build)).ToArray();
        if (same.Length > 0) proxy.AvailableDestinations = same;
    }

    private bool Has(DestinationState destination, string build) =>
        destination.Model.Config.Metadata?.GetValueOrDefault(ClusterChecks.BuildMetadata) is { } configured ? configured == build
        : _learned.TryGetValue(destination, out var learned) && learned == build;
}
