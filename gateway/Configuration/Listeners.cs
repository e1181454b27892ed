using System.Net;
using System.Text;
using DurableGateway.Admin;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Matching;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace DurableGateway.Configuration;

/// <summary>
/// The two listeners. A connection knows which one it came in by; an endpoint is reachable on the public one unless it is
/// marked for control, and never on both.
/// </summary>
internal static class Listeners
{
    public static void Configure(KestrelServerOptions kestrel, GatewaySettings settings, PublicConnections connections,
        ClientCertificates clients, ServerCertificates own)
    {
        kestrel.AddServerHeader = false;
        Limit(kestrel.Limits, settings.Limits);

        // Bytes beyond ASCII pass as they are, in both directions: what they mean is between the client and the service.
        kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;

        // The control listener is bound last: its address is looked up as such.
        foreach (var endPoint in PublicTransport.EndPoints(Parts(settings.Public)))
        {
            kestrel.Listen(endPoint, options =>
            {
                if (settings.Limits.MaxConcurrentConnections is not null)
                    options.Use(next => connection => connections.LimitAsync(connection, next));
                if (settings.Public.Scheme == "http") options.Use(next => connection => connections.ChooseAsync(connection, next));
                else options.Use(next => connection =>
                {
                    connections.Begun(connection);
                    return next(connection);
                });

                Configure(options, settings.Public, own.Configure);
            });
        }

        if (settings.Public.Scheme == "http") ListenForHttp2(kestrel, connections);
        Listen(kestrel, settings.Control, https =>
        {
            own.Configure(https);
            clients.Configure(https);
        }, options => options.Use(next => connection =>
        {
            connection.Features.Set(ControlListener.Instance);
            return next(connection);
        }));
    }

    public static bool IsControl(this HttpContext context) => context.Features.Get<ControlListener>() is not null;

    /// <summary>Marks endpoints as reachable on the control listener only.</summary>
    public static TBuilder OnControlListener<TBuilder>(this TBuilder builder) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(ControlListener.Instance);

    private static void Limit(KestrelServerLimits server, ServerLimits limits)
    {
        server.MaxRequestBodySize = limits.MaxRequestBodySize;
        server.MaxRequestHeadersTotalSize = limits.MaxRequestHeadersTotalSize;
        server.MaxRequestHeaderCount = limits.MaxRequestHeaderCount;
        server.MaxRequestLineSize = limits.MaxRequestLineSize;
        server.KeepAliveTimeout = limits.KeepAliveTimeout;
        server.RequestHeadersTimeout = limits.RequestHeadersTimeout;
        server.MinRequestBodyDataRate = Rate(limits.MinRequestBodyDataRate);
        server.MinResponseDataRate = Rate(limits.MinResponseDataRate);
        server.MaxConcurrentUpgradedConnections = limits.MaxConcurrentUpgradedConnections;
        server.Http2.MaxStreamsPerConnection = limits.MaxStreamsPerConnection;
        server.Http2.MaxRequestHeaderFieldSize = limits.MaxRequestHeadersTotalSize;
        MinDataRate? Rate(long? bytes) => bytes is { } rate ? new MinDataRate(rate, limits.DataRateGracePeriod) : null;
    }

    /// <summary>A pipeline for HTTP/2, to which connections of the public listener are handed; nothing arrives at it by itself.</summary>
    private static void ListenForHttp2(KestrelServerOptions kestrel, PublicConnections connections) =>
        kestrel.Listen(PublicTransport.Nowhere, options =>
        {
            options.Protocols = HttpProtocols.Http2;
            options.Use(next => connections.Http2 = next);
        });

    private static void Listen(
        KestrelServerOptions kestrel, BindingAddress address, Action<HttpsConnectionAdapterOptions> secure, Action<ListenOptions> configure)
    {
        void Options(ListenOptions options)
        {
            configure(options);
            Configure(options, address, secure);
        }

        var (ip, isLocalhost, port) = Parts(address);
        if (ip is not null) kestrel.Listen(ip, port, Options);
        else if (isLocalhost) kestrel.ListenLocalhost(port, Options);
        else kestrel.ListenAnyIP(port, Options);
    }

    private static void Configure(ListenOptions options, BindingAddress address, Action<HttpsConnectionAdapterOptions> secure)
    {
        options.Protocols = address.Scheme == "https" ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1;
        if (address.Scheme == "https") options.UseHttps(secure);
    }

    private static BindingAddressParts Parts(BindingAddress address) =>
        new(IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) ? ip : null, address.Host == "localhost", address.Port);
}

/// <summary>On a connection: it came in by the control listener. On an endpoint: it belongs there.</summary>
internal sealed class ControlListener
{
    public static ControlListener Instance { get; } = new();
}

/// <summary>Takes endpoints of the other listener out of the match.</summary>
internal sealed class ListenerMatcherPolicy : MatcherPolicy, IEndpointSelectorPolicy
{
    public override int Order => -1000;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => true;

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        var control = httpContext.IsControl();
        for (var i = 0; i < candidates.Count; i++)
        {
            if (candidates.IsValidCandidate(i) && candidates[i].Endpoint.Metadata.GetMetadata<ControlListener>() is not null != control)
                candidates.SetValidity(i, false);
        }

        return Task.CompletedTask;
    }
}
