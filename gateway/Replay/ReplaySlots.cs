using System.Globalization;
using DurableGateway.Configuration;
using Yarp.ReverseProxy;

namespace DurableGateway.Replay;

/// <summary>
/// Limits the replays in flight on this node, in total and per cluster, so that the runs that were parked during an outage do not overload
/// the service when it is available again. Clusters are looked up each time, because a reload of the configuration may change them.
/// </summary>
internal sealed class ReplaySlots(IProxyStateLookup proxy)
{
    /// <summary>The maximum number of replays in flight on a node. Each may hold its request and its response in memory.</summary>
    public const int MaxInFlight = 256;

    /// <summary>
    /// The number of replays that each cluster may have even if the node is at its maximum, so that the replays of one slow cluster do not
    /// block the others.
    /// </summary>
    public const int Guaranteed = 4;

    private readonly object _lock = new();
    private readonly Dictionary<string, int> _inFlight = new(StringComparer.OrdinalIgnoreCase);
    private TaskCompletionSource _freed = NewSignal();
    private int _total;

    /// <summary>The number of replays in flight.</summary>
    public int InFlight => Volatile.Read(ref _total);

    /// <summary>Completes when the next slot is released.</summary>
    public Task Freed
    {
        get
        {
            lock (_lock) return _freed.Task;
        }
    }

    /// <summary>The cluster of a route's runs; empty if the route does not exist.</summary>
    public string ClusterOf(string route) =>
        (proxy.TryGetRoute(route, out var model)
            ? model
            : RunRouteResolver.Find(proxy.GetRoutes(), each => each.Config, route))?.Config.ClusterId
            ?? "";

    public bool HasRoomIn(string cluster)
    {
        lock (_lock) return Free(cluster) > 0;
    }

    /// <summary>The routes whose clusters have no free slot.</summary>
    public IReadOnlyList<string> FullRoutes()
    {
        lock (_lock)
        {
            var full = _inFlight.Keys.Where(cluster => Free(cluster) <= 0).ToHashSet(StringComparer.OrdinalIgnoreCase);
            return full.Count == 0
                ? []
                : [.. proxy.GetRoutes().Where(route => full.Contains(route.Config.ClusterId ?? "")).SelectMany(route =>
                    RunRouteResolver.NamesOf(route.Config))];
        }
    }

    /// <summary>Takes a slot of the cluster. <see cref="Release"/> returns it.</summary>
    public bool TryTake(string cluster)
    {
        lock (_lock)
        {
            if (Free(cluster) <= 0) return false;
            _inFlight[cluster] = _inFlight.GetValueOrDefault(cluster) + 1;
            _total++;
            return true;
        }
    }

    public void Release(string cluster)
    {
        TaskCompletionSource freed;
        lock (_lock)
        {
            if (--_inFlight[cluster] == 0) _inFlight.Remove(cluster);
            _total--;
            (freed, _freed) = (_freed, NewSignal());
        }

        freed.TrySetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private int Free(string cluster)
    {
        var own = _inFlight.GetValueOrDefault(cluster);
        return Math.Min(Limit(cluster) - own, Math.Max(MaxInFlight - _total, Guaranteed - own));
    }

    private int Limit(string cluster) =>
        proxy.TryGetCluster(cluster, out var state)
        && state.Model.Config.Metadata?.GetValueOrDefault(ClusterChecks.MaxReplaysMetadata) is { } text
        && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            ? limit
            : ClusterChecks.DefaultMaxReplays;
}
