using DurableGateway.Configuration;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Admin;

/// <summary>
/// Lets in to the admin API who may. It stands before the endpoints, because those have read a body, of whatever size, by the time that a
/// filter of theirs is asked.
/// </summary>
internal sealed class AdminGuard(RequestDelegate next, ApiKeys keys)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (!context.IsControl() || !context.Request.Path.StartsWithSegments(AdminEndpoints.Path, StringComparison.OrdinalIgnoreCase)) return next(context);
        var response = context.Response;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        return keys.RoleOf(context.Request) switch
        {
            AdminRole.None => response.WriteProblemAsync(Problems.KeyRequired()),
            AdminRole.Reader when !HttpMethods.IsGet(context.Request.Method) => response.WriteProblemAsync(Problems.RoleRequired()),
            _ => next(context),
        };
    }
}
