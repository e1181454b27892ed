using System.Net;
using DurableGateway.Configuration;
using DurableGateway.Listeners;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Proxy;

/// <summary>Flushes uploads as they arrive: each piece is sent at once instead of when the client's buffer is full.</summary>
internal sealed class FlushingClientFactory(GatewaySettings settings, DestinationGuard guard) : ForwarderHttpClientFactory
{
    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);
        ServiceHeaderEncoding.PassAsTheyAre(handler);
        ServiceConnection.SendOnce(handler);
        if (settings.Egress is not null && handler.ActivityHeadersPropagator is { } propagator)
            handler.ActivityHeadersPropagator = new EgressCarriers.Propagator(propagator);
        if (settings.Egress is not null) RequestedHost.Guard(handler, guard);
        handler.MaxResponseHeadersLength = (settings.Limits.MaxResponseHeadersTotalSize + 1023) / 1024;
    }

    protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler) =>
        new FlushingHandler(base.WrapHandler(context, handler));

    private sealed class FlushingHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.Content is not { } content) return base.SendAsync(request, cancellationToken);
            var trailers = request.Options.TryGetValue(RequestTrailers.Option, out var option) ? option : null;
            request.Content = new FlushingContent(content, trailers);
            return trailers is null ? base.SendAsync(request, cancellationToken) : SendAsync(request, trailers, cancellationToken);
        }

        private async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, RequestTrailers trailers, CancellationToken cancellationToken)
        {
            trailers.Begin();
            return await base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class FlushingContent : HttpContent
    {
        private readonly HttpContent _inner;
        private readonly RequestTrailers? _trailers;

        public FlushingContent(HttpContent inner, RequestTrailers? trailers)
        {
            _inner = inner;
            _trailers = trailers;
            foreach (var (name, values) in inner.Headers.NonValidated) Headers.TryAddWithoutValidation(name, values);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            var copy = _inner.CopyToAsync(new FlushingStream(stream), context, cancellationToken);
            return _trailers is null ? copy : WithTrailersAsync(copy, stream, _trailers, cancellationToken);
        }

        private static async Task WithTrailersAsync(
            Task copy, Stream stream, RequestTrailers trailers, CancellationToken cancellationToken)
        {
            await copy;
            if (trailers.Take()) await stream.FlushAsync(cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _inner.Headers.ContentLength ?? 0;
            return _inner.Headers.ContentLength is not null;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) _inner.Dispose();
            base.Dispose(disposing);
        }
    }

    private sealed class FlushingStream(Stream inner) : Stream
    {
        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var write = inner.WriteAsync(buffer, cancellationToken);
            if (!write.IsCompletedSuccessfully) return WaitAsync(write, cancellationToken);
            write.GetAwaiter().GetResult();
            return new ValueTask(inner.FlushAsync(cancellationToken));
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        private async ValueTask WaitAsync(ValueTask write, CancellationToken cancellationToken)
        {
            await write;
            await inner.FlushAsync(cancellationToken);
        }

        public override void Flush() => inner.Flush();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
