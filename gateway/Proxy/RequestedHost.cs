using System.Net.Sockets;
using DurableGateway.Configuration;
using DurableGateway.Http;
using DurableGateway.Listeners;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;
using Yarp.ReverseProxy.Transforms;

namespace DurableGateway.Proxy;

/// <summary>
/// Forwards a request to the host that it names, if the cluster says so. Its connection is checked by <see cref="DestinationGuard"/>.
/// </summary>
internal sealed class RequestedHost
{
    private const int PlainPort = 80;
    private const int TlsPort = 443;

    private static readonly RequestedHost Instance = new();
    private static readonly HttpRequestOptionsKey<bool> Option = new("Durable.RequestedHost");

    /// <summary>Puts the requested host in the place of the cluster's destination.</summary>
    /// <returns><see langword="false"/> if the cluster asks for it, and the request names no host by its target.</returns>
    public static bool TryChoose(HttpContext context)
    {
        var proxied = context.GetReverseProxyFeature();
        if (proxied.AllDestinations is not [{ Model.Config.Address: var address }] || !ForwardRoutes.IsRequestedHost(address)) return true;
        if (ForwardTarget.Of(context) is not { } target) return false;
        var isTls = ForwardRoutes.IsByTls(address);
        if (isTls && target.Port == PlainPort) target = target with { Port = TlsPort };
        var url = new UriBuilder(isTls ? Uri.UriSchemeHttps : Uri.UriSchemeHttp, target.Host, target.Port).Uri
            .GetLeftPart(UriPartial.Authority);
        proxied.AvailableDestinations = [new DestinationState(url, new DestinationModel(new DestinationConfig { Address = url }))];
        context.Features.Set(Instance);
        return true;
    }

    /// <summary>Marks the request that is sent, because the connection is made far from the context.</summary>
    public static ValueTask Mark(RequestTransformContext context)
    {
        if (context.HttpContext.Features.Get<RequestedHost>() is not null) context.ProxyRequest.Options.Set(Option, true);
        return default;
    }

    /// <summary>Checks connections that are made for requests of that kind.</summary>
    public static void Guard(SocketsHttpHandler handler, DestinationGuard guard) =>
        handler.ConnectCallback = (context, cancellation) => ConnectAsync(guard, context, cancellation);

    private static async ValueTask<Stream> ConnectAsync(
        DestinationGuard guard, SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        if (context.InitialRequestMessage.Options.TryGetValue(Option, out _))
            return new NetworkStream(await guard.ConnectAsync(host, port, cancellation), ownsSocket: true);

        // As without a callback.
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
