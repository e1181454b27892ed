using System.Net;
using DurableGateway.Configuration;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Egress;

/// <summary>Forwards a call to the node that holds its attempt. That node alone knows the calls of the attempt.</summary>
internal sealed class NodeForwarder(IHttpForwarder forwarder, GatewaySettings settings) : IDisposable
{
    private static readonly ForwarderRequestConfig Settings = new() { ActivityTimeout = TimeSpan.FromMinutes(10) };
    private static readonly AsItIs Transformer = new();

    private readonly HttpMessageInvoker _client = new(NewHandler(settings));

    /// <summary>Whether another node has forwarded the call. It is not forwarded again, because it could go round without end.</summary>
    public static bool HasForwarded(HttpRequest request) => request.Headers.ContainsKey(DurableHeaders.EgressForwarded);

    /// <param name="context">The call. Its binding names the node, and is authentic.</param>
    /// <param name="node">The egress address of the node.</param>
    public async Task ForwardAsync(HttpContext context, string node)
    {
        var error = await forwarder.SendAsync(context, node, _client, Settings, Transformer);
        if (error != ForwarderError.None && !context.Response.HasStarted)
            await context.Response.WriteProblemAsync(ProblemWriter.Describe(null, error, timedOut: false));
    }

    public void Dispose() => _client.Dispose();

    /// <summary>Without a propagator, because the headers of the call stay as they are.</summary>
    private static SocketsHttpHandler NewHandler(GatewaySettings settings)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            MaxResponseHeadersLength = (settings.Limits.MaxResponseHeadersTotalSize + 1023) / 1024,
        };
        ServiceHeaderEncoding.PassAsTheyAre(handler);
        return handler;
    }

    private sealed class AsItIs : HttpTransformer
    {
        private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

        public override async ValueTask TransformRequestAsync(
            HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
            proxyRequest.Headers.TryAddWithoutValidation(DurableHeaders.EgressForwarded, "?1");
            proxyRequest.Headers.Remove(DurableHeaders.EgressTarget);
            var target = httpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
            if (ForwardTarget.Of(httpContext) is { } forward)
            {
                // The other node must match the host, too, and would take the absolute form for a call of a service.
                proxyRequest.Headers.TryAddWithoutValidation(DurableHeaders.EgressTarget, forward.Authority);
                target = forward.PathAndQuery;
            }

            if (target.StartsWith('/')) proxyRequest.RequestUri = new Uri(destinationPrefix.TrimEnd('/') + target, AsWritten);
        }
    }
}
