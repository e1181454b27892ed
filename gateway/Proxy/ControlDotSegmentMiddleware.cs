using DurableGateway.Http;
using DurableGateway.Protocol;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Proxy;

/// <summary>
/// Refuses a step call whose id is a dot segment. The server resolves it before routing, and the call would reach another resource.
/// </summary>
internal sealed class ControlDotSegmentMiddleware(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
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
