using DurableGateway.Http;

namespace DurableGateway.Proxy;

/// <summary>
/// Removes what the client names in <c>Connection</c>, on every kind of route: YARP removes only <c>Connection</c> itself. Kestrel hides
/// the names beside <c>close</c> and <c>keep-alive</c>.
/// </summary>
internal sealed class ConnectionHeaderMiddleware(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (headers.Connection is { Count: > 0 } connection) HopByHopHeaders.RemoveNamed(headers, connection);
        return next(context);
    }
}
