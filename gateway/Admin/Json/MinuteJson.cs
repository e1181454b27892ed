namespace DurableGateway.Admin.Json;

/// <summary>The counts of a minute. <c>latencyMilliseconds</c> is the median.</summary>
internal sealed record MinuteJson(
    DateTimeOffset Minute, long Started, long Completed, long Failed, double LatencyMilliseconds, long Unbound, long Retried)
{
    public static MinuteJson From(MinuteCounts minute) => new(
        minute.Minute, minute.Started, minute.Completed, minute.Failed, minute.Latency.P50, minute.Unbound, minute.Retried);
}
