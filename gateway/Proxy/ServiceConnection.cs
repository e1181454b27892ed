using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace DurableGateway.Proxy;

/// <summary>
/// An HTTP/1 connection to a service, below .NET's HTTP client. It ensures that a request is sent once. If a connection ends before the
/// first byte of the response, the client would repeat a request without content up to three times, although the service may already be
/// executing it. This stream reports such an end as an error that the client does not retry. If the service had closed the connection
/// before the request was written, the request stays in the gateway, and the client sends it on another connection.
/// </summary>
/// <remarks>
/// The connection also inserts request trailers (<see cref="RequestTrailers"/>) and marks HTTP/1.0 responses
/// (<see cref="Http10ConnectionHandling"/>). HTTP/2 needs none of this: .NET repeats only streams that the peer has declared unprocessed
/// (REFUSED_STREAM, or beyond the last stream of GOAWAY, RFC 9113 §8.7).
/// </remarks>
/// <param name="inner">The connection, inside TLS if TLS is used.</param>
/// <param name="socket">The socket, if it can show that the service has closed the connection; <see langword="null"/> with TLS.</param>
internal sealed class ServiceConnection(Stream inner, Socket? socket) : Stream
{
    /// <summary>The length of "HTTP/1.1 101". Every status line is at least this long.</summary>
    private const int StatusLength = 12;

    private int _state = State.Idle;
    private bool _used;

    /// <summary>
    /// A read that wants bytes waits for them. Between requests .NET's client begins one right before it sends the next request, and does
    /// not send that where the read has something.
    /// </summary>
    private volatile bool _isWaiting;
    private byte[]? _pending;
    private int _position;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Makes the connections of a handler send each request once.</summary>
    public static void SendOnce(SocketsHttpHandler handler) => handler.PlaintextStreamFilter = static (context, _) => ValueTask.FromResult(
        context.NegotiatedHttpVersion.Major >= 2 ? context.PlaintextStream
            : new ServiceConnection(context.PlaintextStream, (context.PlaintextStream as NetworkStream)?.Socket));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_pending is not null) return ValueTask.FromResult(TakePending(buffer.Span));
        return Volatile.Read(ref _state) == State.Upgraded
            ? inner.ReadAsync(buffer, cancellationToken)
            : ReadWatchedAsync(buffer, cancellationToken);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Volatile.Read(ref _state) is (State.Idle or State.Answering or State.Ended) && BeginsRequest(buffer.Span)) BeginRequest();
        return Volatile.Read(ref _state) == State.Closed
            ? ValueTask.CompletedTask
            : inner.WriteAsync(RequestTrailers.Replace(buffer), cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) =>
        Volatile.Read(ref _state) == State.Closed ? Task.CompletedTask : inner.FlushAsync(cancellationToken);

    public override void Flush() => inner.Flush();
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>
    /// Whether a write is the head of a request rather than a piece of the previous request's content. The state alone does not show it:
    /// the client may read a response while it still sends the request, and may write the next request before it reads again. It writes a
    /// head in one piece.
    /// </summary>
    private static bool BeginsRequest(ReadOnlySpan<byte> written)
    {
        var end = written.IndexOf("\r\n"u8);
        return end > 0 && (written[..end].EndsWith(" HTTP/1.1"u8) || written[..end].EndsWith(" HTTP/1.0"u8));
    }

    private void BeginRequest()
    {
        for (var before = Volatile.Read(ref _state); before is State.Idle or State.Answering or State.Ended;)
        {
            var next = before == State.Ended || (_used && !_isWaiting && IsClosed()) ? State.Closed : State.Sent;
            var now = Interlocked.CompareExchange(ref _state, next, before);
            if (now == before) return;
            before = now;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadWatchedAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int read;
        try
        {
            var bytes = inner.ReadAsync(buffer, cancellationToken);
            _isWaiting = !bytes.IsCompleted && !buffer.IsEmpty;
            read = await bytes;
        }
        catch (IOException) when (Volatile.Read(ref _state) == State.Closed)
        {
            return 0;
        }
        finally
        {
            _isWaiting = false;
        }

        if (buffer.IsEmpty) return 0;
        switch (Advance(read == 0 ? State.Ended : State.Answering))
        {
            // Bytes on a connection that was already closed are not a response to this request.
            case State.Closed: return 0;
            case State.Sent when read == 0: throw Unanswered();
            case State.Sent: return await BeginResponseAsync(buffer, read, cancellationToken);
            default: return read;
        }
    }

    /// <returns>The previous state. The state does not change if no request was sent on this connection.</returns>
    private int Advance(int next)
    {
        var before = Volatile.Read(ref _state);
        while (before is not (State.Closed or State.Upgraded))
        {
            var now = Interlocked.CompareExchange(ref _state, next, before);
            if (now == before) break;
            before = now;
        }

        return before;
    }

    /// <summary>Checks the status line, which may be incomplete.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> BeginResponseAsync(Memory<byte> buffer, int read, CancellationToken cancellationToken)
    {
        _used = true;
        while (read < StatusLength && read < buffer.Length)
        {
            var more = await inner.ReadAsync(buffer[read..], cancellationToken);
            if (more == 0) break;
            read += more;
        }

        var start = buffer.Span[..read];
        if (start.StartsWith("HTTP/1.1 1"u8) && start.IndexOf("HTTP/1.1 101"u8) >= 0) _state = State.Upgraded;
        if (!Http10ConnectionHandling.MayBegin(start)) return read;
        _pending = await Http10ConnectionHandling.ReadHeadAsync(inner, start.ToArray(), cancellationToken);
        _position = 0;
        return TakePending(buffer.Span);
    }

    private int TakePending(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _pending!.Length - _position);
        _pending.AsSpan(_position, count).CopyTo(buffer);
        _position += count;
        if (_position == _pending.Length) _pending = null;
        return count;
    }

    /// <summary>
    /// Whether there is anything to read before a request is sent: the end of the connection, or a response without a request (<c>408</c>).
    /// </summary>
    /// <remarks>
    /// A response that the client has read ahead, or that arrives later, cannot be distinguished from the response to this request. Only
    /// the client knows the end of the last response, and it does not read again before it writes a request that waited for a connection.
    /// </remarks>
    private bool IsClosed()
    {
        try
        {
            return socket?.Poll(0, SelectMode.SelectRead) is true;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return true;
        }
    }

    private static HttpIOException Unanswered() =>
        new(HttpRequestError.ResponseEnded,
            "The service closed the connection before the first byte of a response. It may have executed the request.");

    private static class State
    {
        /// <summary>No request has been written.</summary>
        public const int Idle = 0;

        /// <summary>A request has been written, at least in part, and nothing has arrived since.</summary>
        public const int Sent = 1;

        /// <summary>A response has begun, or has ended. The next write is the rest of its request or the next request.</summary>
        public const int Answering = 2;

        /// <summary>The service has closed the connection. No more requests are sent.</summary>
        public const int Ended = 3;

        /// <summary>
        /// A request was written after the service had closed the connection. Writes are discarded, and reads return nothing.
        /// </summary>
        public const int Closed = 4;

        /// <summary>The connection speaks another protocol. Both sides may write at any time.</summary>
        public const int Upgraded = 5;
    }
}
