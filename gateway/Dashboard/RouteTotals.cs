using DurableGateway.Admin;

namespace DurableGateway.Dashboard;

/// <summary>The totals over the minutes of one or more routes.</summary>
internal sealed class RouteTotals
{
    private RouteTotals(IReadOnlyList<MinuteCounts> minutes)
    {
        Minutes = minutes;
        Started = minutes.Sum(minute => minute.Started);
        Completed = minutes.Sum(minute => minute.Completed);
        Failed = minutes.Sum(minute => minute.Failed);
        Latency = Weighted(minutes);
    }

    public IReadOnlyList<MinuteCounts> Minutes { get; }
    public long Started { get; }
    public long Completed { get; }
    public long Failed { get; }

    /// <summary>In milliseconds: the mean of the medians per minute, weighted by the runs that ended in the minute.</summary>
    public double Latency { get; }

    public long Ended => Completed + Failed;

    public double PerMinute => Minutes.Count == 0 ? 0 : (double)Started / Minutes.Count;

    public static RouteTotals Of(RouteOverview route) => new(route.Minutes);

    public static RouteTotals Of(IEnumerable<RouteOverview> routes) => new(
    [
        .. routes.SelectMany(route => route.Minutes).GroupBy(minute => minute.Minute).OrderBy(group => group.Key)
            .Select(group => new MinuteCounts(
                group.Key, group.Sum(minute => minute.Started), group.Sum(minute => minute.Completed),
                group.Sum(minute => minute.Failed), Weighted([.. group]))),
    ]);

    private static double Weighted(IReadOnlyList<MinuteCounts> minutes)
    {
        var ended = minutes.Sum(minute => minute.Completed + minute.Failed);
        return ended == 0 ? 0 : minutes.Sum(minute => minute.LatencyMilliseconds * (minute.Completed + minute.Failed)) / ended;
    }
}
