using System.Diagnostics.Metrics;
using static DurableGateway.Diagnostics.TelemetryNames;

namespace DurableGateway.Diagnostics;

/// <summary>
/// The counters and histograms. The process has one set of them. Gauges belong to a host.
/// </summary>
internal static class Instruments
{
    public static string Version { get; } = typeof(Instruments).Assembly.GetName().Version!.ToString(3);

    private static readonly Meter Meter = new(Source, Version);

    public static Counter<long> RunsStarted { get; } = Meter.CreateCounter<long>(Metrics.RunsStarted, "{run}", "Runs that began");

    public static Counter<long> RunsEnded { get; } = Meter.CreateCounter<long>(Metrics.RunsEnded, "{run}", "Runs that ended, by outcome");

    public static Counter<long> RunsQueued { get; } =
        Meter.CreateCounter<long>(Metrics.RunsQueued, "{run}", "Runs that had to wait because of a limit of their policy");

    public static Counter<long> RunsSuspended { get; } =
        Meter.CreateCounter<long>(Metrics.RunsSuspended, "{run}", "Attempts that ended with pending steps");

    public static Counter<long> Attempts { get; } = Meter.CreateCounter<long>(Metrics.Attempts, "{attempt}",
        "Attempts that ended, by outcome");

    public static Counter<long> Steps { get; } = Meter.CreateCounter<long>(Metrics.Steps, "{step}", "Step calls, by outcome");

    public static Counter<long> EgressCalls { get; } = Meter.CreateCounter<long>(Metrics.EgressCalls, "{call}",
        "Calls of services that belong to a run, by outcome");

    public static Counter<long> EgressUnbound { get; } = Meter.CreateCounter<long>(Metrics.EgressUnbound, "{call}",
        "Calls of services that belong to no run");

    public static Counter<long> EgressRetries { get; } = Meter.CreateCounter<long>(Metrics.EgressRetries, "{try}",
        "Failed tries of calls of services that were followed by another one");

    public static Counter<long> Redirects { get; } = Meter.CreateCounter<long>(Metrics.Redirects, "{redirect}",
        "Clients that were redirected to the result URL");

    public static Counter<long> Notices { get; } = Meter.CreateCounter<long>(Metrics.Notices, "{delivery}",
        "Deliveries of notices, by outcome");

    public static Counter<long> StoreErrors { get; } =
        Meter.CreateCounter<long>(Metrics.StoreErrors, "{error}", "Calls that the store did not answer, or answered with an error");

    public static Histogram<double> CheckpointDuration { get; } = Meter.CreateHistogram(
        Metrics.CheckpointDuration, "s", "The time from a step call to its answer", advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
        });

    public static Histogram<double> AttemptDuration { get; } = Meter.CreateHistogram(
        Metrics.AttemptDuration, "s", "The time from the start of an attempt to its end", advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600],
        });

    public static Histogram<double> RunDuration { get; } = Meter.CreateHistogram(
        Metrics.RunDuration, "s", "The time from the start of a run to its end", advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400, 604800],
        });

    public static Histogram<double> ReplayLag { get; } = Meter.CreateHistogram(
        Metrics.ReplayLag, "s", "The time from when a run is due to its claim", advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
        });
}
