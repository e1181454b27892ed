using DurableGateway.Http;

namespace DurableGateway.Proxy;

/// <summary>
/// The client's end of an attempt's response. A client that fails is no reason to stop reading from the service: whoever has left, or has
/// taken nothing for too long, is cut off, and what is written after that goes nowhere.
/// </summary>
/// <param name="client">The body of the response.</param>
/// <param name="patience">How long one write may wait for the client; infinite where it may as long as the client likes.</param>
/// <param name="cutOff">Ends the client's connection, so that it does not take a part of the response for the whole.</param>
/// <param name="time">The clock.</param>
/// <param name="left">Cancelled when the client leaves.</param>
internal sealed class ClientStream(
    Stream client, TimeSpan patience, Action cutOff, TimeProvider time, CancellationToken left) : WriteOnlyStream
{
    private readonly CancellationTokenSource _stalled = new(Timeout.InfiniteTimeSpan, time);
    private bool _cutOff;

    /// <summary>Nobody takes the response.</summary>
    public bool IsGone => _cutOff || left.IsCancellationRequested;

    /// <param name="buffer">The bytes.</param>
    /// <param name="cancellationToken">Not asked: the client has a time of its own, and its failure is not the writer's.</param>
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
        if (disposing) _stalled.Dispose();
        base.Dispose(disposing);
    }

    private async ValueTask WaitAsync(ValueTask write)
    {
        _stalled.CancelAfter(patience);
        try
        {
            // Always to its end: until then the bytes are the writer's no more.
            await write;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            CutOff();
        }
        finally
        {
            _stalled.CancelAfter(Timeout.InfiniteTimeSpan);
        }

        // A server that ends the connection by itself need not say so.
        if (_stalled.IsCancellationRequested) CutOff();
    }

    private void CutOff()
    {
        if (_cutOff) return;
        _cutOff = true;
        cutOff();
    }
}
