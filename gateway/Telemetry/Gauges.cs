using System.Diagnostics.Metrics;
using DurableGateway.Replay;
using DurableGateway.Runs;
using DurableGateway.Storage;
using static DurableGateway.Telemetry.TelemetryNames;

namespace DurableGateway.Telemetry;

/// <summary>What is looked up when somebody collects, and only then.</summary>
internal sealed class Gauges(
    StoreConnection connection, QueueSweep queues, AttemptRegistry registry, ReplaySlots slots, FlowControl flow, TimeProvider time)
    : IHostedService, IDisposable
{
    private readonly Meter _meter = new(Source, Instruments.Version);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _meter.CreateObservableGauge(Metrics.AttemptsInFlight, () => (long)registry.Count, "{attempt}", "Attempts at work on this node");
        _meter.CreateObservableGauge(Metrics.ReplaysInFlight, () => (long)slots.InFlight, "{replay}", "Replays at work on this node");
        _meter.CreateObservableGauge(Metrics.StoreReady, () => connection.IsReady ? 1L : 0L, description: "1 while the store is connected");
        _meter.CreateObservableGauge(Metrics.StoreUsed, () => Capacity(capacity => capacity.Used), "By", "What the embedded store keeps");
        _meter.CreateObservableGauge(Metrics.StoreLimit, () => Capacity(capacity => capacity.Limit), "By",
            "From here on the embedded store takes no new runs");
        _meter.CreateObservableGauge(Metrics.RunsOpen, () => Queues(figures => figures.Open), "{run}", "Stored runs that have not ended");
        _meter.CreateObservableGauge(Metrics.RunsOverdue, () => Queues(figures => figures.Overdue), "{run}",
            "Runs that are due and that no node has taken up");
        _meter.CreateObservableGauge(Metrics.OldestOverdue, () => Queues(Age), "s", "For how long the oldest overdue run has been due");
        _meter.CreateObservableGauge(Metrics.FlowInFlight, () => (long)flow.InFlight, "{run}",
            "Runs on this node that have a place under a concurrency limit");
        _meter.CreateObservableGauge(Metrics.FlowWaiting, () => Queues(figures => figures.Queued), "{run}",
            "Runs that wait for their turn under a concurrency limit");
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter.Dispose();

    private double Age(QueueFigures figures) => figures.First is { } first ? Math.Max(0, (time.GetUtcNow() - first).TotalSeconds) : 0;

    private IEnumerable<Measurement<long>> Capacity(Func<StoreCapacity, long> read) =>
        connection.Capacity is { } capacity ? [new Measurement<long>(read(capacity))] : [];

    /// <summary>Nothing is said while the store does not answer: an old number would look like a new one.</summary>
    private IEnumerable<Measurement<T>> Queues<T>(Func<QueueFigures, T> read) where T : struct =>
        connection.IsReady && queues.Latest() is { } figures ? [new Measurement<T>(read(figures))] : [];
}
