using System.Globalization;
using System.Text;
using DurableGateway.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace DurableGateway.Proxy;

/// <summary>
/// Forwards the trailers that a service announces (RFC 9110 §6.6.2) to HTTP/1.1 clients. Kestrel sends trailers with HTTP/2 only, but
/// passes a body unchanged if the application writes the chunks itself.
/// </summary>
internal sealed class Http1TrailerTransforms : ITransformProvider
{
    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context) => context.AddResponseTransform(static response =>
    {
        // AttemptResponseTransforms decides whether the client gets the response of an attempt at all.
        if (IsAnnounced(response) && response.HttpContext.Features.Get<AttemptFeature>() is null) Begin(response);
        return default;
    });

    /// <summary>Call this before the response's body is written or wrapped.</summary>
    public static void Begin(ResponseTransformContext context)
    {
        var http = context.HttpContext;
        if (!IsAnnounced(context) || context.ProxyResponse is not { } answer
            || answer.Headers.TransferEncodingChunked is not true
            || HttpMethods.IsHead(http.Request.Method) || BodilessStatus.Includes(http.Response.StatusCode)
            || !HttpProtocol.IsHttp11(http.Request.Protocol)
            || http.Features.Get<IHttpResponseTrailersFeature>() is not null) return;
        var chunks = new ChunkedStream(http.Response);
        http.Response.Headers.TransferEncoding = "chunked";
        http.Response.Headers.Trailer = answer.Headers.NonValidated["Trailer"].ToString();
        http.Response.Body = chunks;
        http.Features.Set(chunks);
        http.Features.Set<IHttpResponseTrailersFeature>(chunks);
    }

    /// <summary>Call this when the response is complete. Further calls do nothing.</summary>
    public static Task EndAsync(HttpContext context) =>
        context.Response.Headers.TransferEncoding.Count > 0 && context.Features.Get<ChunkedStream>() is { IsFramed: true } chunks
            ? chunks.EndAsync(context.RequestAborted)
            : Task.CompletedTask;

    private static bool IsAnnounced(ResponseTransformContext context) =>
        context.ProxyResponse is { } answer && answer.Headers.NonValidated.Contains("Trailer");

    private sealed class ChunkedStream(HttpResponse response) : WriteOnlyStream, IHttpResponseTrailersFeature
    {
        private readonly Stream _inner = response.Body;
        private bool _ended;

        /// <summary><see langword="false"/> if another response replaced the service's before it began.</summary>
        public bool IsFramed => response.Headers.TransferEncoding == "chunked";

        public IHeaderDictionary Trailers { get; set; } = new HeaderDictionary();

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.IsEmpty) return;
            if (!IsFramed)
            {
                await _inner.WriteAsync(buffer, cancellationToken);
                return;
            }

            await _inner.WriteAsync(Encoding.ASCII.GetBytes(buffer.Length.ToString("X", CultureInfo.InvariantCulture) + "\r\n"),
                cancellationToken);
            await _inner.WriteAsync(buffer, cancellationToken);
            await _inner.WriteAsync("\r\n"u8.ToArray(), cancellationToken);
        }

        public Task EndAsync(CancellationToken cancellation)
        {
            if (_ended) return Task.CompletedTask;
            _ended = true;
            var end = new StringBuilder("0\r\n");
            foreach (var (name, values) in Trailers)
            {
                foreach (var value in values) end.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
            }

            return _inner.WriteAsync(Encoding.Latin1.GetBytes(end.Append("\r\n").ToString()), cancellation).AsTask();
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => _inner.FlushAsync(cancellationToken);
    }
}
