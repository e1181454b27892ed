using System.Buffers;

namespace DurableGateway.Proxy;

/// <summary>
/// Copies the request body, up to a limit, while it streams to the service. If the body is needed before the service has read all of it,
/// the rest is read ahead, and the service reads it from here.
/// </summary>
internal sealed class RequestCapture(Stream body, long limit, long? length) : Stream
{
    private const int DrainBytes = 16 * 1024;

    /// <summary>How much memory is allocated for a declared length. Beyond that, the buffer grows with what has arrived.</summary>
    private const int MaxInAdvance = 64 * 1024;

    private readonly SemaphoreSlim _lock = new(1, 1);
    private byte[] _buffer = [];
    private int _captured;
    private int _position;
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
                if (_complete) return _buffer.AsMemory(0, _captured);
                Reserve(DrainBytes);
                var read = await ReadBodyAsync(_buffer.AsMemory(_captured, DrainBytes), cancellation);
                _captured += read;
                Overflowed = _captured > limit;
            }
            finally
            {
                _lock.Release();
            }
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await _lock.WaitAsync(cancellationToken);
        try
        {
            if (_position < _captured)
            {
                var count = Math.Min(buffer.Length, _captured - _position);
                _buffer.AsMemory(_position, count).CopyTo(buffer);
                _position += count;
                return count;
            }

            if (_complete) return 0;
            var read = await ReadBodyAsync(buffer, cancellationToken);
            if (_captured + (long)read > limit) Overflowed = true;
            if (Overflowed && RefuseOverflow) throw new IOException("The request body exceeds MaxRequestBytes.");
            if (!Overflowed)
            {
                Reserve(read);
                buffer[..read].CopyTo(_buffer.AsMemory(_captured));
                _captured += read;
                _position = _captured;
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
        if (disposing && _lock.Wait(0) && _buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            (_buffer, _captured, _position) = ([], 0, 0);
            Overflowed = true;
            _lock.Release();
        }

        base.Dispose(disposing);
    }

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

    private void Reserve(int count)
    {
        var needed = _captured + count;
        if (needed <= _buffer.Length) return;
        var wanted = Math.Max(Math.Min(length ?? 0, MaxInAdvance), _buffer.Length * 2L);
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(needed, Math.Min(wanted, limit + DrainBytes)));
        _buffer.AsSpan(0, _captured).CopyTo(larger);
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
