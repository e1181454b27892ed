using DurableGateway.Http;
using DurableGateway.Protocol;

namespace DurableGateway.Proxy;

/// <summary>
/// <c>/_durable/</c> is the gateway's: what is not one of its endpoints is nothing, and never a route's. That goes for whatever a server
/// behind might take for it, too.
/// </summary>
internal sealed class ReservedPathMiddleware(RequestDelegate next)
{
    private const string Reserved = "_durable";

    public Task InvokeAsync(HttpContext context)
    {
        var endpoint = context.GetEndpoint();
        if (endpoint is not null && endpoint.Metadata.GetMetadata<Yarp.ReverseProxy.Model.RouteModel>() is null) return next(context);

        // No route of a service is on the control listener, so there it has found nothing.
        return (endpoint is null && context.IsControl()) || IsReserved(context.Request.Path.Value ?? "")
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
