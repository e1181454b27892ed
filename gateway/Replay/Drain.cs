using DurableGateway.Configuration;
using DurableGateway.Listeners;
using DurableGateway.Runs;

namespace DurableGateway.Replay;

/// <summary>
/// Shuts the node down after SIGTERM. First it stops accepting connections and claiming runs. Attempts then have <c>ShutdownTimeout</c> to
/// finish, and services can still checkpoint. Remaining attempts are interrupted and handed back, so that another node can claim them at
/// once. Only then does the server stop, including the control listener.
/// </summary>
internal sealed class Drain(
    AttemptRegistry registry, PublicTransport transport, PublicConnectionManager connections, GatewaySettings settings,
    TimeProvider time) : IHostedLifecycleService
{
    /// <summary>How long it may take to hand attempts back.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    /// <summary>How long the node waits for the first request of a new connection.</summary>
    private static readonly TimeSpan FirstWords = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        await transport.StopListeningAsync(cancellationToken);

        // A client that has just connected is about to send a request, and cannot send it to another node.
        while (connections.IsAboutToSpeak(FirstWords) && !cancellationToken.IsCancellationRequested)
            await Task.Delay(Look, time, cancellationToken);
        if (await EmptyWithinAsync(settings.ShutdownTimeout, cancellationToken)) return;
        registry.InterruptAll(AttemptInterrupt.Shutdown);
        await EmptyWithinAsync(Grace, cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task<bool> EmptyWithinAsync(TimeSpan limit, CancellationToken cancellation)
    {
        var empty = registry.WhenEmptyAsync();
        await Task.WhenAny(empty, Task.Delay(limit, time, cancellation));
        return empty.IsCompleted;
    }
}
