using DurableGateway.Admin;
using DurableGateway.Dashboard.Pages;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard;

/// <summary>The page of a run, its actions, and the downloads of its bodies.</summary>
internal sealed class RunEndpoints(IRunAdmin admin, DashboardAuthentication authentication)
{
    private const int StepsShown = 100;
    private const int LiveOfEnded = 15;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/runs/{id}", authentication.Guard(ShowAsync));
        routes.MapPost("/runs/{id}/actions", authentication.GuardForm(ActAsync));
        routes.MapGet("/runs/{id}/body", authentication.GuardDownload(DownloadAsync));
    }

    private async Task<Page> ShowAsync(HttpContext context, PageContext page) =>
        Id(context) is { } id && await admin.GetAsync(id, context.RequestAborted) is { } run
            ? PageOf(run, context.Request, page, null)
            : ErrorPage.NoRun();

    private async Task<Page?> ActAsync(HttpContext context, PageContext page, IFormCollection form)
    {
        if (Id(context) is not { } id || await admin.GetAsync(id, context.RequestAborted) is not { } run) return ErrorPage.NoRun();
        if (RunActions.Read(form) is not { } action)
            return PageOf(run, context.Request, page, "The form names no known action.");
        var result = await admin.ActAsync(id, action, page.Who!, context.RequestAborted);
        if (!result.Done) return PageOf(run, context.Request, page, result.Problem ?? "The gateway refused the action.");
        context.SeeOther($"/runs/{result.NewRun ?? id}?done={Uri.EscapeDataString(form["action"].ToString())}");
        return null;
    }

    /// <returns>The file, or <see langword="null"/> if there is none.</returns>
    private async Task<(string Name, ReadOnlyMemory<byte> Body)?> DownloadAsync(HttpContext context)
    {
        if (Id(context) is not { } id || await admin.GetAsync(id, context.RequestAborted) is not { } run) return null;
        var step = context.Request.Query["step"].ToString();
        return context.Request.Query["of"].ToString() switch
        {
            "request" => ($"{id}-request", run.Request.Body),
            "response" when run.Response is { } response => ($"{id}-response", response.Body),
            "step" when run.Steps.FirstOrDefault(one => one.Id == step) is { } found => ($"{id}-step", found.Body),
            _ => null,
        };
    }

    private static Page PageOf(RunDetail run, HttpRequest request, PageContext page, string? problem)
    {
        var query = request.Query;
        var first = int.TryParse(query["from"], out var from) ? Math.Clamp(from, 0, Math.Max(0, run.Steps.Count - 1)) : 0;
        (int First, int Count)? fit = query["fit"] == "1" ? (first, StepsShown) : null;
        var view = new RunView(
            run, new Timeline(run, page.Now, int.TryParse(query["attempt"], out var zoom) ? zoom : 0, fit), first, StepsShown,
            query["step"].ToString(), RunActions.DoneText(query["done"]), problem, page);
        // A run that has ended changes only if an operator restarts it.
        var live = problem is not null ? 0 : run.Run.State.HasEnded() ? LiveOfEnded : DashboardEndpoints.Live;
        var title = $"{run.Run.Method} {run.Run.Path} · {Format.StateOf(run.Run)}";
        return new Page(title, RunDetailPage.Show(view), LiveSeconds: live,
            problem is null ? StatusCodes.Status200OK : StatusCodes.Status409Conflict);
    }

    private static RunId? Id(HttpContext context) => RunId.TryParse(context.Request.RouteValues["id"] as string, out var id) ? id : null;
}
