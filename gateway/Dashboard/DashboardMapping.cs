namespace DurableGateway.Dashboard;

internal static class DashboardMapping
{
    public static IServiceCollection AddDashboard(this IServiceCollection services) => services
        .AddSingleton<SessionCookies>()
        .AddSingleton<PageWriter>()
        .AddSingleton<DashboardAuthentication>();

    public static void MapDashboard(this IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        ActivatorUtilities.CreateInstance<DashboardEndpoints>(services, ActivatorUtilities.CreateInstance<RunEndpoints>(services),
            ActivatorUtilities.CreateInstance<BulkActionEndpoints>(services)).Map(routes);
    }

    /// <summary>Redirects after a form to the page with its result, so that a reload does not repeat the action.</summary>
    public static void SeeOther(this HttpContext context, string path)
    {
        PageWriter.AddProtection(context.Response);
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = path;
        context.Response.Headers.CacheControl = "no-store";
    }
}
