using DurableGateway.Http;
using DurableGateway.Protocol;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Proxy;

/// <summary>
/// Refuses a step call whose id is a dot segment: by the time of routing the server has resolved it away, and the call
/// would reach another resource.
/// </summary>
internal sealed class ControlDotSegmentMiddleware(RequestDelegate next)
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

/// <summary>
/// <c>/_durable/</c> is the gateway's: what is not one of its endpoints is nothing, and never a route's. That goes for whatever a server
/// behind might take for it, too.
/// </summary>
internal sealed class ReservedPathMiddleware(RequestDelegate next)
{
    private const string Reserved = "_durable";

    public Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint() is { } endpoint && endpoint.Metadata.GetMetadata<Yarp.ReverseProxy.Model.RouteModel>() is null)
            return next(context);
        return context.IsControl() || IsReserved(context.Request.Path.Value ?? "")
            ? context.Response.WriteProblemAsync(Problems.NotFound())
            : next(context);
    }

    /// <summary>
    /// Plain escapes and dot segments have been resolved by now. Slashes of either kind, however written,
    /// empty segments and parameters have not.
    /// </summary>
    public static bool IsReserved(string path)
    {
        if (!path.Contains(Reserved, StringComparison.OrdinalIgnoreCase)) return false;
        var first = path.Replace("%2f", "/", StringComparison.OrdinalIgnoreCase).Split('/', '\\')
            .Select(segment => segment.Split(';')[0].Trim())
            .FirstOrDefault(segment => segment is not ("" or "."));
        return Reserved.Equals(first, StringComparison.OrdinalIgnoreCase);
    }
}
