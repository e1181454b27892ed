using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace DurableGateway.Telemetry;

/// <summary>
/// Exports the remaining telemetry when the gateway has stopped, for at most <see cref="Limit"/>. OpenTelemetry itself shuts down one
/// signal after the other, and waits for each export's timeout and retries. A collector that accepts connections and does not answer would
/// delay the exit until the process is killed.
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
        // A provider shuts down only once, so its disposal does not wait again. A shutdown that still hangs is on a background thread.
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
