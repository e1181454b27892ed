using DurableGateway.Configuration;
using DurableGateway.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Proxy;

/// <summary>
/// Refuses a step call whose id is a dot segment: by the time of routing the server has resolved it away, and the call
/// would reach another resource.
/// </summary>
internal sealed class ReservedPaths(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (!context.IsControl()) return next(context);
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var path = target.Split('?', 2)[0];
        foreach (var segment in path.Split('/'))
        {
            if (segment.Length > 0 && segment.Replace("%2e", ".", StringComparison.OrdinalIgnoreCase) is "." or "..")
                return context.Response.WriteProblemAsync(Problems.DotSegment());
        }

        return next(context);
    }
}

/// <summary><c>/_durable/</c> is the gateway's: what is not one of its endpoints is nothing, and never a route's.</summary>
internal sealed class UnknownReservedPaths(RequestDelegate next)
{
    public const string Prefix = "/_durable";

    public Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint() is { } endpoint && endpoint.Metadata.GetMetadata<Yarp.ReverseProxy.Model.RouteModel>() is null) return next(context);
        return context.IsControl() || context.Request.Path.StartsWithSegments(Prefix, StringComparison.OrdinalIgnoreCase)
            ? context.Response.WriteProblemAsync(Problems.NotFound())
            : next(context);
    }
}
