using DurableGateway.Http;

namespace DurableGateway.Proxy;

/// <summary>
/// Writes an attempt's response to the client. A failing client does not stop the gateway from reading the service's response: a client
/// that disconnected, or that read nothing for too long, is cut off, and later writes are discarded.
/// </summary>
/// <param name="client">The body of the response.</param>
/// <param name="patience">How long one write may wait for the client; infinite where it may as long as the client likes.</param>
/// <param name="context">Its connection is ended, so that the client does not take a part of the response for the whole.</param>
/// <param name="time">The clock.</param>
/// <param name="left">Cancelled when the client disconnects.</param>
internal sealed class ClientStream(
    Stream client, TimeSpan patience, HttpContext context, TimeProvider time, CancellationToken left) : WriteOnlyStream
{
    /// <summary>Never disposed: it holds nothing, and the clock may be just about to cancel it.</summary>
    private readonly CancellationTokenSource _stalled = new();

    /// <summary>Most clients take their response at once, and need none.</summary>
    private ITimer? _patience;
    private bool _cutOff;

    /// <summary>The client is disconnected or cut off. Writes are discarded.</summary>
    public bool IsGone => _cutOff || left.IsCancellationRequested;

    /// <param name="buffer">The bytes.</param>
    /// <param name="cancellationToken">Ignored: <c>patience</c> limits the write, and a failure of the client is not the writer's.</param>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (IsGone) return default;
        var write = client.WriteAsync(buffer, _stalled.Token);
        return write.IsCompletedSuccessfully ? write : WaitAsync(write);
    }

    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        if (IsGone) return Task.CompletedTask;
        var flush = client.FlushAsync(_stalled.Token);
        return flush.IsCompletedSuccessfully ? flush : WaitAsync(new ValueTask(flush)).AsTask();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _patience?.Dispose();
        base.Dispose(disposing);
    }

    private async ValueTask WaitAsync(ValueTask write)
    {
        _patience ??= time.CreateTimer(
            static stalled => ((CancellationTokenSource)stalled!).Cancel(), _stalled, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _patience.Change(patience, Timeout.InfiniteTimeSpan);
        try
        {
            // Awaited without the writer's token, because the write uses the caller's buffer until it completes.
            await write;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            CutOff();
        }
        finally
        {
            _patience.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        // A server that aborts the connection itself may not throw.
        if (_stalled.IsCancellationRequested) CutOff();
    }

    private void CutOff()
    {
        if (_cutOff) return;
        _cutOff = true;
        context.Abort();
    }
}
