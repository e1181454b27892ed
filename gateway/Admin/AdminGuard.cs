using DurableGateway.Configuration;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Admin;

/// <summary>Who calls the admin API.</summary>
/// <param name="Role">What they may do.</param>
/// <param name="Who">As histories name them.</param>
internal sealed record AdminCaller(AdminRole Role, string Who);

/// <summary>
/// Lets in to the admin API who may. It stands before the endpoints, because those have read a body, of whatever size, by the time that a
/// filter of theirs is asked.
/// </summary>
internal sealed class AdminGuard(RequestDelegate next, ApiKeys keys, OidcTokens tokens)
{
    public Task InvokeAsync(HttpContext context) =>
        context.IsControl() && context.Request.Path.StartsWithSegments(AdminEndpoints.Path, StringComparison.OrdinalIgnoreCase) ? GuardAsync(context) : next(context);

    private async Task GuardAsync(HttpContext context)
    {
        var response = context.Response;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        var (role, who) = (keys.RoleOf(context.Request), keys.NameOf(context.Request));
        if (role == AdminRole.None) (role, who) = await tokens.ReadAsync(ApiKeys.Given(context.Request));
        context.Features.Set(new AdminCaller(role, who));
        await (role switch
        {
            AdminRole.None => response.WriteChallengeAsync(Problems.KeyRequired()),
            AdminRole.Reader when !HttpMethods.IsGet(context.Request.Method) => response.WriteProblemAsync(Problems.RoleRequired()),
            _ => next(context),
        });
    }
}
