using System.Text;

namespace DurableGateway.Proxy;

/// <summary>
/// HTTP/1.0 services close after each response unless they say <c>keep-alive</c>; .NET's client does not know that, keeps the
/// connection, and loses the next request to it. This says it in words that the client knows: <c>Connection: close</c>.
/// On the way out, trailers of a request are put in (<see cref="RequestTrailers"/>).
/// </summary>
internal sealed class OldConnections(Stream inner) : Stream
{
    private const int MaxHead = 64 * 1024;

    private byte[]? _pending;
    private int _position;
    private bool _decided;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_pending is null && (_decided || buffer.IsEmpty)) return await inner.ReadAsync(buffer, cancellationToken);
        if (!_decided)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken);
            if (read == 0) return 0;
            _decided = true;
            if (!MayBeOld(buffer.Span[..read])) return read;
            _pending = await ReadHeadAsync(buffer[..read].ToArray(), cancellationToken);
        }

        var count = Math.Min(buffer.Length, _pending!.Length - _position);
        _pending.AsSpan(_position, count).CopyTo(buffer.Span);
        _position += count;
        if (_position == _pending.Length) _pending = null;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(RequestTrailers.Replace(buffer), cancellationToken);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);
    public override void Flush() => inner.Flush();
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }

    private static bool MayBeOld(ReadOnlySpan<byte> start)
    {
        var old = "HTTP/1.0 "u8;
        var length = Math.Min(start.Length, old.Length);
        return start[..length].SequenceEqual(old[..length]);
    }

    private async Task<byte[]> ReadHeadAsync(byte[] bytes, CancellationToken cancellation)
    {
        var more = new byte[4096];
        while (MayBeOld(bytes) && bytes.AsSpan().IndexOf("\r\n\r\n"u8) < 0 && bytes.AsSpan().IndexOf("\n\n"u8) < 0 && bytes.Length < MaxHead)
        {
            var read = await inner.ReadAsync(more, cancellation);
            if (read == 0) return bytes;
            bytes = [.. bytes, .. more.AsSpan(0, read)];
        }

        if (!MayBeOld(bytes)) return bytes;
        var end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
        var head = Encoding.Latin1.GetString(bytes, 0, end < 0 ? bytes.Length : end);
        var line = bytes.AsSpan().IndexOf((byte)'\n') + 1;
        if (line == 0 || head.Contains("keep-alive", StringComparison.OrdinalIgnoreCase)) return bytes;
        return [.. bytes.AsSpan(0, line), .. "Connection: close\r\n"u8, .. bytes.AsSpan(line)];
    }
}
