namespace DurableGateway.Admin.Json;

/// <summary>Quantiles of the times from request to end, in milliseconds; 0 if no run has ended.</summary>
internal sealed record LatencyJson(double P50, double P95, double P99)
{
    public static LatencyJson From(LatencyHistogram latency) => new(latency.P50, latency.P95, latency.P99);
}
