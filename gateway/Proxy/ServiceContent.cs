using System.Net;

namespace DurableGateway.Proxy;

/// <summary>
/// The body of a service's response while an attempt reads it. It detects whether the body is complete, and limits how long the service may
/// send nothing. YARP does neither: its activity timeout also runs while the client does not read, and it may report a failure of the
/// request's body instead of an incomplete response.
/// </summary>
internal sealed class ServiceContent : HttpContent
{
    private readonly HttpContent _inner;
    private readonly long? _length;
    private readonly TimeSpan _silence;
    private readonly TimeProvider _time;

    /// <summary>Never disposed: it holds nothing, and the clock may be just about to cancel it.</summary>
    private readonly CancellationTokenSource _stop;
    private readonly CancellationToken _aborted;
    private readonly CancellationTokenRegistration _registration;

    /// <summary>A response that has come whole with its head is read without a wait, and needs none.</summary>
    private ITimer? _timer;

    private ServiceContent(HttpContent inner, long? length, TimeSpan silence, TimeProvider time, CancellationToken aborted)
    {
        (_inner, _length, _silence, _time, _aborted) = (inner, length, silence, time, aborted);
        _stop = new CancellationTokenSource();
        _registration = aborted.UnsafeRegister(static stop => ((CancellationTokenSource)stop!).Cancel(), _stop);
    }

    /// <summary>The service sent the whole body, with as many bytes as it declared.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Replaces the response's content.</summary>
    /// <param name="response">The response, after YARP has copied its head.</param>
    /// <param name="silence">How long the service may send nothing in the middle of the body; infinite for no limit.</param>
    /// <param name="time">The clock.</param>
    /// <param name="aborted">Cancelled when the attempt is aborted.</param>
    public static ServiceContent Watch(HttpResponseMessage response, TimeSpan silence, TimeProvider time, CancellationToken aborted)
    {
        // A response without a body may declare a length (RFC 9110 §8.6).
        var hasBody = response.RequestMessage?.Method != HttpMethod.Head
            && response.StatusCode is not (HttpStatusCode.NoContent or HttpStatusCode.NotModified);

        // A transfer encoding overrides the length (RFC 9112 §6.3), and the last chunk is the end.
        var hasLength = hasBody && response.Headers.TransferEncodingChunked is not true;
        var content = new ServiceContent(response.Content, hasLength ? response.Content.Headers.ContentLength : null,
            silence, time, aborted);
        response.Content = content;
        return content;
    }

    protected override Task<Stream> CreateContentReadStreamAsync() => CreateContentReadStreamAsync(CancellationToken.None);

    protected override Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken)
    {
        var inner = _inner.ReadAsStreamAsync(cancellationToken);
        return inner.IsCompletedSuccessfully ? Task.FromResult<Stream>(new WatchedStream(inner.Result, this)) : WaitAsync(inner);

        async Task<Stream> WaitAsync(Task<Stream> stream) => new WatchedStream(await stream, this);
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        throw new NotSupportedException("Read the response as a stream.");

    protected override bool TryComputeLength(out long length)
    {
        length = _length ?? 0;
        return _length is not null;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            StopWatching();
            _inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private void StopWatching()
    {
        _registration.Dispose();
        _timer?.Dispose();
    }

    private void Expect()
    {
        _timer ??= _time.CreateTimer(
            static stop => ((CancellationTokenSource)stop!).Cancel(), _stop, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(_silence, Timeout.InfiniteTimeSpan);
    }

    private sealed class WatchedStream(Stream inner, ServiceContent content) : Stream
    {
        private long _received;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        /// <param name="buffer">The destination; empty to wait for data.</param>
        /// <param name="cancellationToken">Ignored: it is YARP's, which is also cancelled when the client does not read.</param>
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = inner.ReadAsync(buffer, content._stop.Token);
            return read.IsCompletedSuccessfully ? new ValueTask<int>(Received(read.Result, buffer.Length)) : WaitAsync(read, buffer.Length);
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) =>
            throw new NotSupportedException("Use ReadAsync to read the response.");
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                // YARP disposes of the stream, and not always of the content.
                content.StopWatching();
                inner.Dispose();
            }

            base.Dispose(disposing);
        }

        private async ValueTask<int> WaitAsync(ValueTask<int> read, int wanted)
        {
            content.Expect();
            try
            {
                return Received(await read, wanted);
            }
            catch (OperationCanceledException e) when (!content._aborted.IsCancellationRequested)
            {
                throw new IOException($"The service sent nothing for {content._silence:c} in the middle of its response.", e);
            }
            finally
            {
                content._timer!.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
        }

        private int Received(int count, int wanted)
        {
            _received += count;
            if (wanted == 0 || (count > 0 && !(_received > content._length))) return count;

            // .NET's client checks the length for HTTP/1.1 only.
            if (content._length is { } length && _received != length)
                throw new IOException($"The service declared {length} bytes and sent {(count > 0 ? "more" : _received)}.");
            content.HasEnded = true;
            return count;
        }
    }
}
