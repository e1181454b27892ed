using System.Globalization;
using DurableGateway.Configuration;
using Yarp.ReverseProxy;

namespace DurableGateway.Replay;

/// <summary>
/// How many replays this node has in flight, in all and for each cluster: what was parked while a service was down must not bury it
/// when it comes back. Clusters are looked up afresh each time, because a reload of the configuration may change them.
/// </summary>
internal sealed class ReplaySlots(IProxyStateLookup proxy)
{
    /// <summary>The most replays in flight on a node. Each may hold its request and its response in memory.</summary>
    public const int MaxInFlight = 256;

    /// <summary>
    /// What each cluster may have of them however many others have: a node full of one slow cluster's replays still serves the rest.
    /// </summary>
    public const int Guaranteed = 4;

    private readonly object _lock = new();
    private readonly Dictionary<string, int> _inFlight = new(StringComparer.OrdinalIgnoreCase);
    private TaskCompletionSource _freed = NewSignal();
    private int _total;

    /// <summary>Replays at work.</summary>
    public int InFlight => Volatile.Read(ref _total);

    /// <summary>Completes when the next slot is freed.</summary>
    public Task Freed
    {
        get
        {
            lock (_lock) return _freed.Task;
        }
    }

    /// <summary>The cluster that a run of the route goes to. One whose route is gone needs no room anywhere.</summary>
    public string ClusterOf(string route) =>
        (proxy.TryGetRoute(route, out var model)
            ? model
            : RunRouteResolver.Find(proxy.GetRoutes(), each => each.Config, route))?.Config.ClusterId
            ?? "";

    public bool HasRoomIn(string cluster)
    {
        lock (_lock) return Free(cluster) > 0;
    }

    /// <summary>The routes whose clusters have as many replays as they may.</summary>
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

    /// <summary>Takes a slot of the cluster, to be given back by <see cref="Release"/>.</summary>
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
