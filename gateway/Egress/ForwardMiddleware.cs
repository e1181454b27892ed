using DurableGateway.Http;
using DurableGateway.Protocol;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Egress;

/// <summary>
/// Recognizes requests to the egress listener as a forward proxy. Routing then matches them by the host of their target, and routes
/// without hosts do not see them.
/// </summary>
internal sealed class ForwardMiddleware(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (HttpMethods.IsConnect(request.Method))
        {
            // Tunnels never come here. This is one on HTTP/2, or on a connection that has carried another request.
            return context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true }
                ? next(context)
                : RefuseAsync(context, StatusCodes.Status501NotImplemented,
                    "Tunnels need HTTP/1.1, and CONNECT must be the first request of its connection.");
        }

        if (!ForwardTarget.IsAbsolute(target))
        {
            if (!NodeForwarder.HasForwarded(request) || request.Headers[DurableHeaders.EgressTarget] is not [{ } authority])
                return next(context);
            if (ForwardTarget.ParseAuthority(authority, ForwardTarget.DefaultPort, out var wrong) is null)
                return RefuseAsync(context, StatusCodes.Status400BadRequest, wrong);
            target = $"http://{authority}{target}";
        }

        if (ForwardTarget.Parse(target, out var fault) is not { } forward)
            return RefuseAsync(context, StatusCodes.Status400BadRequest, fault);
        context.Features.Set(forward);

        // The target counts (RFC 9112 §3.2.2). The server has compared them, except for HTTP/1.0 without Host.
        request.Host = new HostString(forward.Authority);
        return next(context);
    }

    private static Task RefuseAsync(HttpContext context, int status, string fault)
    {
        // What follows may have been meant for a tunnel, or for another server.
        if (context.Request.Protocol is "HTTP/1.1" or "HTTP/1.0") context.Response.Headers.Connection = "close";
        return context.Response.WriteProblemAsync(Problems.BadRequest(status, fault));
    }
}
