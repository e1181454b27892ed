using DurableGateway.Protocol;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Proxy;

/// <summary>
/// Refuses targets with dot segments that routing does not see, behind an encoded slash or a backslash: the service is sent the
/// target as it was written, and might resolve them to a path that the route is not for.
/// </summary>
internal sealed class DisguisedDots(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        // Plain and encoded dot segments between plain slashes have been resolved by now.
        var path = context.Request.Path.Value;
        return path is not null && path.Contains("..", StringComparison.Ordinal)
            && path.Replace("%2f", "/", StringComparison.OrdinalIgnoreCase).Split('/', '\\').Contains("..")
                ? context.Response.WriteProblemAsync(Problems.BadRequest(StatusCodes.Status400BadRequest, "The path has dot segments behind an encoded slash or a backslash."))
                : next(context);
    }
}
