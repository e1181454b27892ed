using System.Diagnostics.Metrics;
using DurableGateway.Diagnostics;
using static DurableGateway.Diagnostics.TelemetryNames;

namespace DurableGateway.Storage;

/// <summary>Gauges of the store. They are read only when a collector asks for them.</summary>
internal sealed class StoreGauges(StoreConnection connection) : IHostedService, IDisposable
{
    private readonly Meter _meter = new(Source, Instruments.Version);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _meter.CreateObservableGauge(Metrics.StoreReady, () => connection.IsReady ? 1L : 0L, description: "1 if the store is connected");
        _meter.CreateObservableGauge(Metrics.StoreUsed, () => Read(capacity => capacity.Used), "By", "The embedded store's size");
        _meter.CreateObservableGauge(
            Metrics.StoreLimit, () => Read(capacity => capacity.Limit), "By", "The size from which the embedded store refuses new runs");
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter.Dispose();

    /// <summary>Only the embedded store has a capacity.</summary>
    private IEnumerable<Measurement<long>> Read(Func<StoreCapacity, long> value) =>
        connection.Capacity is { } capacity ? [new(value(capacity))] : [];
}
