using DurableGateway.Admin;
using DurableGateway.Admin.Json;
using DurableGateway.Dashboard.Pages;

namespace DurableGateway.Dashboard;

/// <summary>What is done to all runs that filters match: it is begun from their list, and has a page that says how far it is.</summary>
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
        new("Actions", BulkActionsPage.List([.. (await sets.GetNewestAsync(Shown)).Select(ProgressJson.From)], page),
            LiveSeconds: DashboardEndpoints.Live);

    private async Task<Page> ShowAsync(HttpContext context, PageContext page) =>
        await sets.FindAsync(Id(context)) is { } set
            ? new Page($"{RunActions.LabelOf(set.Verb)} · {set.State}", BulkActionsPage.Show(ProgressJson.From(set), page),
                LiveSeconds: set.IsUnderWay ? DashboardEndpoints.Live : 0)
            : ErrorPage.Of(404, "There is no such action", "It was never begun here, or it is so long ago that it is forgotten.", null);

    private async Task<Page?> BeginAsync(HttpContext context, PageContext page, IFormCollection form)
    {
        var verb = form["action"].ToString();
        if (AdminQuery.Action(verb) is null)
            return ErrorPage.Of(400, "Nothing was done", "The form asks for nothing that can be done to many runs.", null);
        var set = await sets.BeginAsync(verb, RunFilters.Read(form).ToQuery(page.Now, limit: 1) with { Cursor = null }, page.Who!);
        context.SeeOther($"{Path}/{set.Id}");
        return null;
    }

    private async Task<Page?> StopAsync(HttpContext context, PageContext page, IFormCollection form)
    {
        if (await sets.StopAsync(Id(context)) is not { } set)
            return ErrorPage.Of(404, "There is no such action", "It is so long ago that it is forgotten.", null);
        context.SeeOther($"{Path}/{set.Id}");
        return null;
    }

    private static string Id(HttpContext context) => context.Request.RouteValues["id"] as string ?? "";
}
