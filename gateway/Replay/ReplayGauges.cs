using System.Diagnostics.Metrics;
using DurableGateway.Diagnostics;
using static DurableGateway.Diagnostics.TelemetryNames;

namespace DurableGateway.Replay;

/// <summary>Gauges of replays, which are read only during a collection.</summary>
internal sealed class ReplayGauges(ReplaySlots slots) : IHostedService, IDisposable
{
    private readonly Meter _meter = new(Source, Instruments.Version);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _meter.CreateObservableGauge(Metrics.ReplaysInFlight, () => (long)slots.InFlight, "{replay}", "Replays in flight on this node");
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter.Dispose();
}
