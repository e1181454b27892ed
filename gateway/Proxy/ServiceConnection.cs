using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace DurableGateway.Proxy;

/// <summary>
/// A connection of HTTP/1 to a service, under .NET's HTTP client. A request goes out once: where a connection ends before the first byte of
/// the response, the client would send a request without content again, up to three times, while the service may be at work on it. Here
/// that end is an error, which the client does not retry. The exception is a connection that the service had closed
/// before the request was written:
/// the request stays in the gateway, and the client sends it on another connection.
/// </summary>
/// <remarks>
/// Trailers of a request are put in on the way out (<see cref="RequestTrailers"/>), and responses of HTTP/1.0 are marked on the way in
/// (<see cref="Http10ConnectionHandling"/>). HTTP/2 needs none of this: what .NET repeats there are streams that the peer says it has not
/// processed (REFUSED_STREAM, or beyond the last stream of GOAWAY, RFC 9113 §8.7).
/// </remarks>
/// <param name="inner">The connection, within TLS where there is TLS.</param>
/// <param name="socket">The socket, where it shows whether the service has closed; <see langword="null"/> under TLS.</param>
internal sealed class ServiceConnection(Stream inner, Socket? socket) : Stream
{
    /// <summary>As long as "HTTP/1.1 101", which every status line is.</summary>
    private const int StatusLength = 12;

    private int _state = State.Idle;
    private bool _used;
    private byte[]? _pending;
    private int _position;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Has the connections of a handler send each request once.</summary>
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
    /// Whether a write is the head of a request, and not a piece of the content of the last one: the client may read the response while it
    /// still sends the request, and it may write the next request before it reads again. It writes a head at once.
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
            var next = before == State.Ended || (_used && IsClosed()) ? State.Closed : State.Sent;
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
            read = await inner.ReadAsync(buffer, cancellationToken);
        }
        catch (IOException) when (Volatile.Read(ref _state) == State.Closed)
        {
            return 0;
        }

        if (buffer.IsEmpty) return 0;
        switch (Advance(read == 0 ? State.Ended : State.Answering))
        {
            // What comes on a connection that was found closed is no response to the request.
            case State.Closed: return 0;
            case State.Sent when read == 0: throw Unanswered();
            case State.Sent: return await BeginResponseAsync(buffer, read, cancellationToken);
            default: return read;
        }
    }

    /// <returns>The state before, which stays where no request was sent on this connection.</returns>
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

    /// <summary>Looks at the status line, of which there may be a part only.</summary>
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
    /// Whether anything can be read although nothing has been asked: the end of the connection, or a response to no request (<c>408</c>).
    /// </summary>
    /// <remarks>
    /// One that the client has read ahead before this is asked, or that comes later, cannot be told from the response: only the client
    /// knows where the last response ended, and a request that waits for a connection is written without a read after that.
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

        /// <summary>A request has been written, at least in part, and nothing has come since.</summary>
        public const int Sent = 1;

        /// <summary>A response has begun, or is over. What is written is the rest of its request, or the next one.</summary>
        public const int Answering = 2;

        /// <summary>The service has closed the connection. No request is sent any more.</summary>
        public const int Ended = 3;

        /// <summary>A request was written after the service had closed the connection. Nothing is sent, and nothing is read.</summary>
        public const int Closed = 4;

        /// <summary>The connection speaks another protocol. Both sides may write at any time.</summary>
        public const int Upgraded = 5;
    }
}
