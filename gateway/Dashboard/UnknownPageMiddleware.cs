using DurableGateway.Http;
using DurableGateway.Results;

namespace DurableGateway.Dashboard;

/// <summary>Answers browsers that ask the control listener for an unknown path with a page. Other clients get problem details.</summary>
internal sealed class UnknownPageMiddleware(RequestDelegate next, IServiceProvider services)
{
    private const string Reserved = "/_durable";

    private readonly RequestDelegate _page = ActivatorUtilities.GetServiceOrCreateInstance<DashboardAuthentication>(services)
        .Guard((_, _) => Task.FromResult(Pages.ErrorPage.NoPage()));

    public Task InvokeAsync(HttpContext context) =>
        context.GetEndpoint() is null && context.IsControl() && HttpMethods.IsGet(context.Request.Method)
            && !context.Request.Path.StartsWithSegments(Reserved, StringComparison.OrdinalIgnoreCase)
            && ProgressPage.IsWanted(context.Request)
            ? _page(context)
            : next(context);
}
