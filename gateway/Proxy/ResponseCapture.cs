using System.Buffers;

namespace DurableGateway.Proxy;

/// <summary>
/// Keeps a copy of the response body, up to a limit, while it streams on to the client, if there still is one. The last bytes of a
/// body of known length are held back until <see cref="ReleaseAsync"/>, so that no client has a whole response that the run has not.
/// </summary>
internal sealed class ResponseCapture(Stream client, long limit, Action? overflowed = null, long? length = null) : Stream
{
    private readonly ArrayBufferWriter<byte> _copy = new();
    private byte[] _held = [];
    private long _received;
    private bool _clientGone;

    /// <summary>The body is larger than the limit: it is not kept.</summary>
    public bool Overflowed { get; private set; }

    public ReadOnlyMemory<byte> Body => _copy.WrittenMemory;

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Keep(buffer.Span);
        _received += buffer.Length;
        if (_received >= length) _held = [.. _held, .. buffer.Span];
        else if (!_clientGone) await ToClientAsync(client.WriteAsync(buffer, cancellationToken), cancellationToken);
    }

    /// <summary>Gives the client the last bytes.</summary>
    public async Task ReleaseAsync(CancellationToken cancellation)
    {
        var held = _held;
        _held = [];
        if (held.Length > 0 && !_clientGone) await ToClientAsync(client.WriteAsync(held, cancellation), cancellation);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) =>
        _clientGone ? Task.CompletedTask : ToClientAsync(new ValueTask(client.FlushAsync(cancellationToken)), cancellationToken).AsTask();

    public override void Flush() => throw new NotSupportedException("Flush the response asynchronously.");
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Write the response asynchronously.");

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (Overflowed) return;
        if (_copy.WrittenCount + (long)bytes.Length > limit)
        {
            Overflowed = true;
            _copy.ResetWrittenCount();
            overflowed?.Invoke();
            return;
        }

        _copy.Write(bytes);
    }

    /// <summary>A client that goes away does not end a run: the rest of the response is still taken in.</summary>
    private async ValueTask ToClientAsync(ValueTask write, CancellationToken cancellation)
    {
        try
        {
            await write;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            _clientGone = true;
        }
    }
}
