using System.Net;
using System.Text;
using DurableGateway.Configuration;
using DurableGateway.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace DurableGateway.Listeners;

/// <summary>
/// Configures the two listeners. A connection records its listener. An endpoint is reachable at the control listener if it is marked for
/// it, otherwise at the public one, and never at both.
/// </summary>
internal static class ListenerConfiguration
{
    public static void Configure(KestrelServerOptions kestrel, GatewaySettings settings, PublicConnectionManager connections,
        ClientCertificateValidator clients, ServerCertificateProvider own)
    {
        kestrel.AddServerHeader = false;
        Limit(kestrel.Limits, settings.Limits);

        // Bytes beyond ASCII pass unchanged in both directions. Their meaning is up to client and service.
        kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;

        // The control listener is bound last, and the egress listener before it: ListenerAddresses relies on it.
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
        if (settings.Egress is { } egress)
        {
            Listen(kestrel, egress, own.Configure, options => options.Use(next => connection =>
            {
                connection.Features.Set(EgressListener.Instance);
                return next(connection);
            }),

            // Within TLS. The handler needs the server, which does not exist yet.
            inner => inner.Use(next => connection =>
                kestrel.ApplicationServices.GetRequiredService<TunnelHandler>().ServeAsync(connection, next)));
        }

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

    /// <summary>Adds an HTTP/2 pipeline that accepts no connections itself. The public listener passes connections to it.</summary>
    private static void ListenForHttp2(KestrelServerOptions kestrel, PublicConnectionManager connections) =>
        kestrel.Listen(PublicTransport.Nowhere, options =>
        {
            options.Protocols = HttpProtocols.Http2;
            options.Use(next => connections.Http2 = next);
        });

    private static void Listen(
        KestrelServerOptions kestrel, BindingAddress address, Action<HttpsConnectionAdapterOptions> secure, Action<ListenOptions> configure,
        Action<ListenOptions>? inner = null)
    {
        void Options(ListenOptions options)
        {
            configure(options);
            Configure(options, address, secure);
            inner?.Invoke(options);
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
