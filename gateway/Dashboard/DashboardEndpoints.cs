using DurableGateway.Admin;
using DurableGateway.Configuration;
using DurableGateway.Dashboard.Pages;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard;

/// <summary>
/// The pages of the control listener. Each request reads from <see cref="IRunAdmin"/>, so any node can serve any page.
/// </summary>
internal sealed class DashboardEndpoints(
    IRunAdmin admin, DashboardAuthentication authentication, RunEndpoints runs, BulkActionEndpoints sets,
    EventDelivery events, IEventStore store,
    GatewaySettings settings, TimeProvider time)
{
    /// <summary>The interval in seconds at which a live page reloads.</summary>
    public const int Live = 2;

    private const int PageSize = 50;
    private static readonly TimeSpan RoutesKept = TimeSpan.FromSeconds(10);

    // Cached, because the list reloads every two seconds and the overview adds up the last hour of every route.
    private RouteNames _routes = new([], DateTimeOffset.MinValue);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet(StaticFileEndpoint.Path + "{name}", StaticFileEndpoint.ServeAsync);
        routes.MapGet("/login", authentication.ShowLoginAsync);
        routes.MapPost("/login", authentication.LogInAsync);
        routes.MapPost("/logout", authentication.LogOutAsync);
        routes.MapGet("/", authentication.Guard(OverviewAsync));
        routes.MapGet(RunFilters.Path, authentication.Guard(ListAsync));
        routes.MapGet("/routes", authentication.Guard(RoutesAsync));
        routes.MapGet("/events", authentication.Guard(ShowEventFormAsync));
        routes.MapPost("/events", authentication.GuardForm(SendEventAsync));
        runs.Map(routes);
        sets.Map(routes);
    }

    private async Task<Page> OverviewAsync(HttpContext context, PageContext page) =>
        new("Overview", OverviewPage.Show(await admin.GetOverviewAsync(context.RequestAborted), page), LiveSeconds: Live);

    private async Task<Page> ListAsync(HttpContext context, PageContext page)
    {
        var filters = RunFilters.Read(context.Request.Query);
        var routes = await RoutesOfAsync(page.Now, context.RequestAborted);
        try
        {
            var list = await admin.ListAsync(filters.ToQuery(page.Now, PageSize), context.RequestAborted);
            return new Page("Runs", RunsPage.Show(list, filters, routes, page), LiveSeconds: Live);
        }
        catch (FormatException) when (!filters.HasKnownState)
        {
            return ErrorPage.Of(400, $"There is no state “{filters.State}”",
                "The states are running, waiting, paused, completed, failed and cancelled.", filters with { State = "", Cursor = "" });
        }
        catch (FormatException)
        {
            return ErrorPage.Of(400, "Unknown position in the list",
                "The address is incomplete or was changed. Go to the first page of the list.", filters with { Cursor = "" });
        }
    }

    private async Task<IReadOnlyList<string>> RoutesOfAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        // Concurrent requests may both read the overview, which is harmless.
        var known = Volatile.Read(ref _routes);
        if (now < known.Until) return known.Names;
        var names = (await admin.GetOverviewAsync(cancellation)).Routes.Select(route => route.Route).ToList();
        Volatile.Write(ref _routes, new RouteNames(names, now + RoutesKept));
        return names;
    }

    private async Task<Page> RoutesAsync(HttpContext context, PageContext page) =>
        new("Routes", RoutesPage.Show(await admin.GetOverviewAsync(context.RequestAborted), settings.Policies), LiveSeconds: Live);

    private async Task<Page> ShowEventFormAsync(HttpContext context, PageContext page)
    {
        var woken = int.TryParse(context.Request.Query["woken"], out var count) ? count : (int?)null;
        return new Page("Events",
            EventsPage.Show(EventForm.Empty, null, woken, await store.GetRecentAsync(EventsShown), page), LiveSeconds: Live);
    }

    private async Task<Page?> SendEventAsync(HttpContext context, PageContext page, IFormCollection form)
    {
        var given = EventForm.Read(form);
        if (given.Check(settings.MaxEventBytes) is { } problem)
            return new Page("Events", EventsPage.Show(given, problem, null, await store.GetRecentAsync(EventsShown), page),
                Status: StatusCodes.Status422UnprocessableEntity);
        var woken = await events.PublishAsync(given.ToEvent(Guid.CreateVersion7(time.GetUtcNow())));
        context.SeeOther($"/events?woken={woken}");
        return null;
    }

    private const int EventsShown = 50;

    private sealed record RouteNames(IReadOnlyList<string> Names, DateTimeOffset Until);
}
