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
        Retried = minutes.Sum(minute => minute.Retried);
        Latency = LatencyHistogram.Merge(minutes.Select(minute => minute.Latency));
    }

    public IReadOnlyList<MinuteCounts> Minutes { get; }
    public long Started { get; }
    public long Completed { get; }

    /// <summary>The runs that failed finally.</summary>
    public long Failed { get; }

    /// <summary>The attempts that failed, and whose runs are tried again.</summary>
    public long Retried { get; }

    /// <summary>The times of all runs that ended.</summary>
    public LatencyHistogram Latency { get; }

    public long Ended => Completed + Failed;

    /// <summary>What failed: runs finally, and attempts that are to be repeated.</summary>
    public long Failures => Failed + Retried;

    /// <summary>What ended: runs, and attempts that are to be repeated.</summary>
    public long Outcomes => Ended + Retried;

    public double PerMinute => Minutes.Count == 0 ? 0 : (double)Started / Minutes.Count;

    public static long FailuresOf(MinuteCounts minute) => minute.Failed + minute.Retried;

    public static long OutcomesOf(MinuteCounts minute) => minute.Completed + FailuresOf(minute);

    public static RouteTotals Of(RouteOverview route) => new(route.Minutes);

    public static RouteTotals Of(IEnumerable<RouteOverview> routes) => new(
    [
        .. routes.SelectMany(route => route.Minutes).GroupBy(minute => minute.Minute).OrderBy(group => group.Key)
            .Select(group => new MinuteCounts(
                group.Key, group.Sum(minute => minute.Started), group.Sum(minute => minute.Completed),
                group.Sum(minute => minute.Failed), LatencyHistogram.Merge(group.Select(minute => minute.Latency)),
                group.Sum(minute => minute.Unbound), group.Sum(minute => minute.Retried))),
    ]);
}
