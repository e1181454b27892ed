using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace DurableGateway.Listeners;

/// <summary>
/// Copies bytes in both directions. When the client has sent its last byte, the destination is told so, and can still answer. When the
/// destination has sent its last byte, the tunnel ends.
/// </summary>
internal sealed class Tunnel(ConnectionContext client, Socket destination, TimeSpan idleTimeout, TimeProvider time)
{
    private const int BufferBytes = 16 * 1024;

    /// <summary>How long the destination may be silent after the client's last byte.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromMinutes(1);

    private bool _isHalfClosed;

    private TimeSpan Patience => _isHalfClosed && idleTimeout > LastWords ? LastWords : idleTimeout;

    public async Task RunAsync()
    {
        var stopping = client.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? CancellationToken.None;
        using var idle = new CancellationTokenSource(idleTimeout, time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(idle.Token, stopping);
        var up = UpAsync(idle, end.Token);
        var down = DownAsync(idle, end.Token);
        try
        {
            // The client's end alone does not end the tunnel, but its failure does.
            if (await Task.WhenAny(up, down) == up) await up;
            await down;
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ConnectionAbortedException)
        {
            client.Abort(new ConnectionAbortedException("The tunnel was idle or broken off, or the server is stopping."));
        }
        finally
        {
            await end.CancelAsync();
            await Task.WhenAll(up, down).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task UpAsync(CancellationTokenSource idle, CancellationToken cancellation)
    {
        var input = client.Transport.Input;
        while (true)
        {
            var result = await input.ReadAsync(cancellation);
            try
            {
                foreach (var segment in result.Buffer)
                {
                    for (var rest = segment; rest.Length > 0; idle.CancelAfter(Patience))
                        rest = rest[await destination.SendAsync(rest, cancellation)..];
                }

                if (result.IsCompleted) destination.Shutdown(SocketShutdown.Send);
            }
            catch (SocketException)
            {
                // It has closed the connection. What it has sent before is still read.
                return;
            }

            input.AdvanceTo(result.Buffer.End);
            if (!result.IsCompleted) continue;
            _isHalfClosed = true;
            idle.CancelAfter(Patience);
            return;
        }
    }

    private async Task DownAsync(CancellationTokenSource idle, CancellationToken cancellation)
    {
        var output = client.Transport.Output;
        while (true)
        {
            // A silent tunnel has no buffer.
            await destination.ReceiveAsync(Memory<byte>.Empty, cancellation);
            var read = await destination.ReceiveAsync(output.GetMemory(BufferBytes), cancellation);
            if (read == 0) return;
            output.Advance(read);
            var flushed = await output.FlushAsync(cancellation);
            idle.CancelAfter(Patience);
            if (flushed.IsCompleted) return;
        }
    }
}
