using System.Runtime.CompilerServices;

namespace DurableGateway.Proxy;

/// <summary>
/// Copies the request body, up to a limit, while it streams to the service. If the body is needed before the service has read all of it,
/// the rest is read ahead, and the service reads it from here.
/// </summary>
internal sealed class RequestCapture(Stream body, long limit, long? length) : Stream
{
    private readonly SemaphoreSlim _lock = new(1, 1);
    private readonly SegmentedBuffer _copy = new(length);
    private ReadOnlyMemory<byte> _whole;
    private long _position;
    private bool _complete;

    /// <summary>The body is larger than the limit: it cannot be replayed.</summary>
    public bool Overflowed { get; private set; }

    /// <summary>The body has arrived whole.</summary>
    public bool IsComplete => _complete;

    /// <summary>Called when the body has arrived whole.</summary>
    public Action? Arrived { get; set; }

    /// <summary>Reading from the client failed: the request never arrived whole.</summary>
    public bool Broken { get; private set; }

    /// <summary>Fails the reader when the limit is exceeded, if the policy refuses such requests.</summary>
    public bool RefuseOverflow { get; init; }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Reads the rest of the body.</summary>
    /// <returns>The whole body, or <see langword="null"/> if it exceeds the limit. It is valid until this stream is disposed.</returns>
    /// <exception cref="IOException">The client disconnected.</exception>
    public async Task<ReadOnlyMemory<byte>?> DrainAsync(CancellationToken cancellation)
    {
        while (true)
        {
            await _lock.WaitAsync(cancellation);
            try
            {
                if (Overflowed) return null;
                if (_complete) return _whole.Length == _copy.Length ? _whole : _whole = _copy.Join();
                _copy.Advance(await ReadBodyAsync(_copy.Reserve(), cancellation));
                Overflowed = _copy.Length > limit;
            }
            finally
            {
                _lock.Release();
            }
        }
    }

    /// <summary>Lets the body, which has arrived whole, be read from its beginning again.</summary>
    public void Rewind() => _position = 0;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await _lock.WaitAsync(cancellationToken);
        try
        {
            if (_position < _copy.Length)
            {
                var count = _copy.Read(_position, buffer.Span);
                _position += count;
                return count;
            }

            if (_complete) return 0;
            var read = await ReadBodyAsync(buffer, cancellationToken);
            if (_copy.Length + read > limit) Overflowed = true;
            if (Overflowed && RefuseOverflow) throw new IOException("The request body exceeds MaxRequestBytes.");
            if (!Overflowed)
            {
                _copy.Write(buffer.Span[..read]);
                _position = _copy.Length;
            }

            return read;
        }
        finally
        {
            _lock.Release();
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Read the body asynchronously.");
    public override void Flush() => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        // A read that is still running keeps the buffer: losing one is better than returning it to the pool while it is in use.
        if (disposing && _lock.Wait(0))
        {
            if (_copy.Length > 0) Overflowed = true;
            _copy.Clear();
            (_whole, _position) = (default, 0);
            _lock.Release();
        }

        base.Dispose(disposing);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadBodyAsync(Memory<byte> buffer, CancellationToken cancellation)
    {
        try
        {
            var read = await body.ReadAsync(buffer, cancellation);
            if (read == 0 && buffer.Length > 0 && !_complete)
            {
                _complete = true;
                Arrived?.Invoke();
            }

            return read;
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            Broken = true;
            throw;
        }
    }
}
