using DurableGateway.Http;
using DurableGateway.Listeners;
using DurableGateway.Protocol;

namespace DurableGateway.Admin;

/// <summary>
/// Authorizes requests to the admin API. It is middleware and not an endpoint filter, because an endpoint reads the whole body before its
/// filters run.
/// </summary>
internal sealed class AdminAuthorizationMiddleware(RequestDelegate next, AdminAccess access)
{
    public Task InvokeAsync(HttpContext context) =>
        context.Request.Path.StartsWithSegments(AdminEndpoints.Path, StringComparison.OrdinalIgnoreCase) && context.IsControl()
            ? GuardAsync(context)
            : next(context);

    private async Task GuardAsync(HttpContext context)
    {
        var response = context.Response;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        if (access.IsForeign(context.Request))
        {
            await response.WriteProblemAsync(Problems.ForeignPage(context.Request.Host.Host));
            return;
        }

        var caller = await access.IdentifyAsync(context);
        context.Features.Set(caller);
        await (caller.Role switch
        {
            AdminRole.None => response.WriteChallengeAsync(Problems.KeyRequired()),
            AdminRole.Reader when !HttpMethods.IsGet(context.Request.Method) => response.WriteProblemAsync(Problems.RoleRequired()),
            _ => next(context),
        });
    }
}
