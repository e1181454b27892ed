using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Protocol;

namespace DurableGateway.Proxy;

/// <summary>
/// Reserves <c>/_durable/</c> for the gateway: a path there that is not an endpoint is not found, and never reaches a route. The same holds
/// for a path that a service may resolve to it.
/// </summary>
internal sealed class ReservedPathMiddleware(RequestDelegate next, ILogger<ReservedPathMiddleware> log)
{
    private const string Reserved = "_durable";

    public Task InvokeAsync(HttpContext context)
    {
        var endpoint = context.GetEndpoint();
        if (endpoint is not null && endpoint.Metadata.GetMetadata<Yarp.ReverseProxy.Model.RouteModel>() is null) return next(context);

        // A path of another host is that host's matter.
        if ((endpoint is null || IsReserved(context.Request.Path.Value ?? "")) && ForwardTarget.Of(context) is { } target)
            return endpoint is null ? RefuseAsync(context, target) : next(context);

        // No route of a service is on the control listener, so there it has found nothing.
        return (endpoint is null && context.IsControl()) || IsReserved(context.Request.Path.Value ?? "")
            ? context.Response.WriteProblemAsync(Problems.NotFound())
            : next(context);
    }

    private Task RefuseAsync(HttpContext context, ForwardTarget target)
    {
        const string Reason = "No route of the egress listener names this host in Match:Hosts, and Durable:Egress:Forward is Routes.";
        log.DestinationRefused(target.Authority, Reason);
        return context.Response.WriteProblemAsync(Problems.DestinationRefused(Reason));
    }

    /// <summary>
    /// The server has already decoded plain escapes and resolved dot segments. It has not resolved encoded slashes, backslashes, empty
    /// segments and parameters.
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
