using DurableGateway.Admin;
using DurableGateway.Admin.Json;
using DurableGateway.Dashboard.Pages;

namespace DurableGateway.Dashboard;

/// <summary>The pages of bulk actions: an operator starts one from the list of runs, and its page shows the progress.</summary>
internal sealed class BulkActionEndpoints(BulkActionRunner sets, DashboardAuthentication authentication)
{
    public const string Path = "/actions";
    private const int Shown = 50;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet(Path, authentication.Guard(ListAsync));
        routes.MapPost(Path, authentication.GuardForm(BeginAsync));
        routes.MapGet(Path + "/{id}", authentication.Guard(ShowAsync));
        routes.MapPost(Path + "/{id}/stop", authentication.GuardForm(StopAsync));
    }

    private async Task<Page> ListAsync(HttpContext context, PageContext page) =>
        new("Bulk actions", BulkActionsPage.List([.. (await sets.GetNewestAsync(Shown)).Select(ProgressJson.From)], page),
            LiveSeconds: DashboardEndpoints.Live);

    private async Task<Page> ShowAsync(HttpContext context, PageContext page) =>
        await sets.FindAsync(Id(context)) is { } set
            ? new Page($"{RunActions.LabelOf(set.Verb)} · {set.State}", BulkActionsPage.Show(ProgressJson.From(set), page),
                LiveSeconds: set.IsUnderWay ? DashboardEndpoints.Live : 0)
            : ErrorPage.Of(404, "No such bulk action", "The bulk action does not exist, or its record has expired.", null);

    private async Task<Page?> BeginAsync(HttpContext context, PageContext page, IFormCollection form)
    {
        var verb = form["action"].ToString();
        if (AdminQuery.Action(verb) is null)
            return ErrorPage.Of(400, "Unknown bulk action", "Nothing was changed. The form names no known bulk action.", null);
        if (!RunFilters.Read(form).HasKnownState)
            return ErrorPage.Of(400, "Unknown state", "Nothing was changed. The form names no known state.", null);
        var set = await sets.BeginAsync(verb, RunFilters.Read(form).ToQuery(page.Now, limit: 1) with { Cursor = null }, page.Who!);
        context.SeeOther($"{Path}/{set.Id}");
        return null;
    }

    private async Task<Page?> StopAsync(HttpContext context, PageContext page, IFormCollection form)
    {
        if (await sets.StopAsync(Id(context)) is not { } set)
            return ErrorPage.Of(404, "No such bulk action", "The bulk action does not exist, or its record has expired.", null);
        context.SeeOther($"{Path}/{set.Id}");
        return null;
    }

    private static string Id(HttpContext context) => context.Request.RouteValues["id"] as string ?? "";
}
