using System.Net;
using DurableGateway.Configuration;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace DurableGateway.Proxy;

/// <summary>
/// Sets <c>X-Forwarded-*</c>: continues those of a trusted proxy, and replaces all others. A route whose transforms name these headers is
/// unchanged.
/// </summary>
internal sealed class ForwardedHeaderTransforms(GatewaySettings settings) : ITransformProvider
{
    private const string Prefix = "X-Forwarded-";

    private static readonly RequestTransform[] Append = Transforms(ForwardedTransformActions.Append);
    private static readonly RequestTransform[] Set = Transforms(ForwardedTransformActions.Set);

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        var transforms = context.Route.Transforms ?? [];
        if (transforms.Any(transform => transform.Keys.Any(key =>
            key.Equals("X-Forwarded", StringComparison.OrdinalIgnoreCase) || key.Equals("Forwarded", StringComparison.OrdinalIgnoreCase))))
            return;
        context.UseDefaultForwarders = false;

        // What a service calls must not learn the service's address from the gateway.
        if (EgressRoutes.Includes(context)) return;
        context.AddRequestTransform(request =>
        {
            var trusted = IsTrusted(request.HttpContext.Connection.RemoteIpAddress);
            if (!trusted) RemoveClaims(request.ProxyRequest);
            return ApplyAsync(request, trusted ? Append : Set, 0);
        });
    }

    /// <summary>YARP's transforms have nothing to wait for; one that had would be waited for.</summary>
    private static ValueTask ApplyAsync(RequestTransformContext request, RequestTransform[] transforms, int from)
    {
        for (var i = from; i < transforms.Length; i++)
        {
            var applied = transforms[i].ApplyAsync(request);
            if (!applied.IsCompletedSuccessfully) return WaitAsync(applied, request, transforms, i + 1);
        }

        return default;
    }

    private static async ValueTask WaitAsync(ValueTask applied, RequestTransformContext request, RequestTransform[] transforms, int rest)
    {
        await applied;
        await ApplyAsync(request, transforms, rest);
    }

    private bool IsTrusted(IPAddress? peer)
    {
        if (peer is null || settings.TrustedProxies.IsEmpty) return false;
        var address = peer.IsIPv4MappedToIPv6 ? peer.MapToIPv4() : peer;
        foreach (var network in settings.TrustedProxies)
        {
            if (network.Contains(address)) return true;
        }

        return false;
    }

    /// <summary>
    /// Only a proxy can know these values, so those of a client are removed, including fields that the gateway does not set, such as the
    /// port.
    /// </summary>
    private static void RemoveClaims(HttpRequestMessage request)
    {
        List<string>? claims = null;
        foreach (var (name, _) in request.Headers.NonValidated)
        {
            // As CGI and its heirs (WSGI, PHP) read it.
            if ((name[0] | 0x20) is not ('x' or 'f')) continue;
            if (name.Replace('_', '-').StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)
                || name.Equals("Forwarded", StringComparison.OrdinalIgnoreCase))
                (claims ??= []).Add(name);
        }

        foreach (var name in claims ?? []) request.Headers.Remove(name);
    }

    private static RequestTransform[] Transforms(ForwardedTransformActions action) =>
    [
        new RequestHeaderXForwardedForTransform(Prefix + "For", action),
        new RequestHeaderXForwardedHostTransform(Prefix + "Host", action),
        new RequestHeaderXForwardedProtoTransform(Prefix + "Proto", action),
        new RequestHeaderXForwardedPrefixTransform(Prefix + "Prefix", action),
    ];
}
