using System.Diagnostics.Metrics;
using DurableGateway.Diagnostics;
using DurableGateway.Runs;
using static DurableGateway.Diagnostics.TelemetryNames;

namespace DurableGateway.Telemetry;

/// <summary>Gauges of runs, which are read only during a collection.</summary>
internal sealed class RunGauges(IStoreReadiness store, QueueSweep queues, AttemptRegistry registry, FlowControl flow, TimeProvider time)
    : IHostedService, IDisposable
{
    private readonly Meter _meter = new(Source, Instruments.Version);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _meter.CreateObservableGauge(Metrics.AttemptsInFlight, () => (long)registry.Count, "{attempt}", "Attempts in flight on this node");
        _meter.CreateObservableGauge(Metrics.RunsOpen, () => Queues(figures => figures.Open), "{run}", "Stored runs that have not ended");
        _meter.CreateObservableGauge(Metrics.RunsOverdue, () => Queues(figures => figures.Overdue), "{run}",
            "Runs that are due and that no node has claimed");
        _meter.CreateObservableGauge(Metrics.OldestOverdue, () => Queues(Age), "s", "How long the oldest overdue run has been due");
        _meter.CreateObservableGauge(Metrics.FlowInFlight, () => (long)flow.InFlight, "{run}",
            "Runs on this node that have a place under a concurrency limit");
        _meter.CreateObservableGauge(Metrics.FlowWaiting, () => Queues(figures => figures.Queued), "{run}",
            "Runs that wait for a place under a concurrency limit");
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter.Dispose();

    private double Age(QueueFigures figures) => figures.First is { } first ? Math.Max(0, (time.GetUtcNow() - first).TotalSeconds) : 0;

    /// <summary>Returns nothing while the store does not answer, because an old value would look like a current one.</summary>
    private IEnumerable<Measurement<T>> Queues<T>(Func<QueueFigures, T> read) where T : struct =>
        store.IsReady && queues.Latest() is { } figures ? [new Measurement<T>(read(figures))] : [];
}
