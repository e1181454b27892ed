using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace DurableGateway.Proxy;

/// <summary>
/// Sends the request's target and host to the service as the client wrote them, unless the route's transforms change them.
/// </summary>
internal sealed class TransparencyTransforms : ITransformProvider
{
    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        var transforms = context.Route.Transforms ?? [];

        // What a service calls knows itself by its own name, and not by that of the egress listener.
        if (!EgressRoutes.Includes(context) && !transforms.Any(transform => transform.ContainsKey("RequestHeaderOriginalHost")))
            context.AddOriginalHost();
        var rewrites = transforms.Any(transform => transform.Keys.Any(key =>
            key.StartsWith("Path", StringComparison.OrdinalIgnoreCase) || key.StartsWith("Query", StringComparison.OrdinalIgnoreCase)));
        if (!rewrites) context.AddRequestTransform(KeepTarget);
        context.AddRequestTransform(KeepTrailers);
        if (EgressRoutes.Includes(context)) context.AddRequestTransform(RequestedHost.Mark);
        context.AddResponseTransform(OpenEventStream);
    }

    /// <summary>
    /// Sends the head of an event stream before its first event. Kestrel otherwise sends it with the first bytes of the body.
    /// </summary>
    private static ValueTask OpenEventStream(ResponseTransformContext context)
    {
        if (context.ProxyResponse is null || context.SuppressResponseBody) return default;
        var response = context.HttpContext.Response;
        return response.ContentType?.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase) is true
            && response.ContentLength is null
                ? new ValueTask(response.Body.FlushAsync(context.CancellationToken))
                : default;
    }

    /// <summary>Keeps request trailers. They can only follow a body of unknown length.</summary>
    private static ValueTask KeepTrailers(RequestTransformContext context)
    {
        var request = context.HttpContext.Request;
        if (request.ContentLength is not null || context.ProxyRequest.Content is null
            || context.HttpContext.Features.Get<IHttpRequestTrailersFeature>() is not { } source) return default;
        context.ProxyRequest.Options.Set(RequestTrailers.Option, new RequestTrailers(source));
        return default;
    }

    private static ValueTask KeepTarget(RequestTransformContext context)
    {
        var target = context.HttpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (!target.StartsWith('/'))
        {
            // Absolute form: the service gets the origin form.
            var authority = target.IndexOf("://", StringComparison.Ordinal);
            var path = authority < 0 ? -1 : target.IndexOfAny(['/', '?'], authority + 3);
            if (authority < 0) return default;
            target = path < 0 ? "/" : target[path] == '?' ? "/" + target[path..] : target[path..];
        }

        // Unresolved dots could leave the path of a destination that has one, so YARP resolves them there.
        if (HasDots(target) && new Uri(context.DestinationPrefix).AbsolutePath != "/") return default;
        context.ProxyRequest.RequestUri = new Uri(context.DestinationPrefix.TrimEnd('/') + target, AsWritten);
        return default;
    }

    private static bool HasDots(string target) =>
        target.Contains("/.", StringComparison.Ordinal) || target.Contains("/%2e", StringComparison.OrdinalIgnoreCase);
}
