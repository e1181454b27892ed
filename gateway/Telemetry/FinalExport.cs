using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace DurableGateway.Telemetry;

/// <summary>
/// Exports what is left when the gateway has stopped, for <see cref="Limit"/> at most. OpenTelemetry itself waits for each signal in
/// turn, and for an export as long as its time-out and its retries last: a collector that accepts and never answers would hold up the
/// exit until the process is killed.
/// </summary>
internal sealed class FinalExport(IServiceProvider services, TimeProvider time) : IHostedLifecycleService
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    private static readonly int LimitMilliseconds = (int)Limit.TotalMilliseconds;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        // A provider shuts down once only, so that its disposal does not wait any more. What still hangs is a background thread.
        Task[] exports =
        [
            Start(() => services.GetService<TracerProvider>()?.Shutdown(LimitMilliseconds)),
            Start(() => services.GetService<MeterProvider>()?.Shutdown(LimitMilliseconds)),
            Start(() => services.GetService<LoggerProvider>()?.Shutdown(LimitMilliseconds)),
        ];
        await Task.WhenAny(Task.WhenAll(exports), Task.Delay(Limit, time, cancellationToken));
    }

    private static Task Start(Action export) =>
        Task.Factory.StartNew(export, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
