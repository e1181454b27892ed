using System.Net.Mime;
using DurableGateway.Admin.Json;
using DurableGateway.Http;
using DurableGateway.Listeners;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;
using HttpResults = Microsoft.AspNetCore.Http.Results;

namespace DurableGateway.Admin;

/// <summary>The admin API on the control listener. <c>openapi.json</c> describes it.</summary>
internal sealed class AdminEndpoints(IRunAdmin admin, IEventStore events, BulkActionRunner sets)
{
    public const string Path = "/_durable/v1/admin";
    public const string DocumentName = "openapi";

    public void Map(IEndpointRouteBuilder listener)
    {
        listener.MapOpenApi(Path + "/{documentName}.json").AddEndpointFilter(GuardAsync);
        var routes = listener.MapGroup(Path);
        routes.AddEndpointFilter(GuardAsync);
        routes.MapGet("/runs", ListAsync).Produces<RunPageJson>().Refuses(400);
        routes.MapGet("/runs/{id}", (string id, HttpContext context) => OfRunAsync(id, run => ShowAsync(run, context)))
            .Produces<RunDetailJson>().Refuses(404);
        routes.MapGet("/runs/{id}/request/body", (string id, HttpContext context) => BodyAsync(context, id,
            detail => (detail.Request.Body, ValueOf(detail.Request.Headers)))).Produces<byte[]>(200,
                MediaTypeNames.Application.Octet).Refuses(404);
        routes.MapGet("/runs/{id}/response/body", (string id, HttpContext context) => BodyAsync(context, id,
            detail => detail.Response is { } response ? (response.Body, ValueOf(response.Headers)) : null)).Produces<byte[]>(200,
                MediaTypeNames.Application.Octet).Refuses(404);
        routes.MapGet("/runs/{id}/steps/{step}/body", (string id, string step, HttpContext context) => BodyAsync(context, id,
            detail => detail.Steps.FirstOrDefault(known => known.Id == step) is { ContentType: { } type } outcome
                ? (outcome.Body, type)
                : null))
            .Produces<byte[]>(200, MediaTypeNames.Application.Octet).Refuses(404);
        routes.MapGet("/overview", async (CancellationToken cancellation) =>
            HttpResults.Ok(Json(await admin.GetOverviewAsync(cancellation)))).Produces<OverviewJson>();
        routes.MapGet("/routes", async (CancellationToken cancellation) =>
            HttpResults.Ok(Json(await admin.GetOverviewAsync(cancellation)).Routes)).Produces<IReadOnlyList<RouteJson>>();

        routes.MapGet("/events", EventsAsync).Produces<EventsJson>().Refuses(400);

        foreach (var name in new[] { "retry", "cancel", "pause", "resume", "again", "release-key" })
        {
            routes.MapPost($"/runs/{{id}}/{name}", (string id, HttpContext context) => ActAsync(context, id, AdminQuery.Action(name)!))
                .Produces<DoneJson>().Refuses(404, 409);
        }

        routes.MapDelete("/runs/{id}", (string id, HttpContext context) => ActAsync(context, id, new RunAction.Cancel()))
            .Produces<DoneJson>().Refuses(404, 409);
        routes.MapPost("/runs/{id}/from-step", (string id, StepActionJson body, HttpContext context) =>
            ActAsync(context, id, new RunAction.RunFromStep(StepOf(body)))).Produces<DoneJson>().Refuses(400, 404, 409);
        routes.MapPost("/runs/{id}/edit-step",
            (string id, StepActionJson body, HttpContext context) => ActAsync(context, id, new RunAction.EditStep(
                StepOf(body), body.Failed, body.ContentType ?? (body.Failed ? Problem.ContentType : MediaTypeNames.Application.Json),
                Convert.FromBase64String(body.Body ?? "")))).Produces<DoneJson>().Refuses(400, 404, 409);

        routes.MapPost("/actions", BeginAsync).Produces<ProgressJson>(202).Refuses(400);
        routes.MapGet("/actions", SetActionsAsync).Produces<BulkActionsJson>().Refuses(400);
        routes.MapGet("/actions/{id}", (string id) => ProgressAsync(sets.FindAsync(id))).Produces<ProgressJson>().Refuses(404);
        routes.MapDelete("/actions/{id}", (string id) => ProgressAsync(sets.StopAsync(id))).Produces<ProgressJson>().Refuses(404);
    }

    /// <summary>Answers errors with problem details. <see cref="AdminAuthorizationMiddleware"/> has authorized the caller.</summary>
    private async ValueTask<object?> GuardAsync(EndpointFilterInvocationContext call, EndpointFilterDelegate next)
    {
        var context = call.HttpContext;
        try
        {
            return await next(call);
        }
        catch (FormatException e)
        {
            return Refusal(Problems.BadRequest(400, e.Message));
        }
        catch (StoreUnavailableException e)
        {
            return Refusal(context.Response.DescribeStoreAway(null, e, e.Message));
        }
        catch (UnreadableRecordException e)
        {
            return Refusal(Problems.BadRequest(502, e.Message) with
            {
                Type = "/_durable/problems/record-unreadable",
                Title = "A record cannot be read"
            });
        }
    }

    private async Task<IResult> ListAsync(
        HttpContext context, string? state, string? route, string? after, string? before, string? step,
        string? search, string? cursor, string? limit)
    {
        AdminQuery.RefuseUnknown(context.Request.Query);
        var page = await admin.ListAsync(AdminQuery.Read(new FilterJson(state, route, after, before, step, search), cursor, limit),
            context.RequestAborted);
        return HttpResults.Ok(new RunPageJson([.. page.Runs.Select(RunJson.From)], page.Next));
    }

    private async Task<IResult> EventsAsync(HttpContext context, string? limit)
    {
        AdminQuery.RefuseUnknown(context.Request.Query);
        return HttpResults.Ok(new EventsJson([.. (await events.GetRecentAsync(AdminQuery.Limit(limit))).Select(EventJson.From)]));
    }

    private async Task<IResult> ShowAsync(RunId run, HttpContext context)
    {
        if (await admin.GetAsync(run, context.RequestAborted) is not { } detail) return Refusal(Unknown());

        // The result URL gives unmasked data and can cancel the run, so readers do not get it.
        var shown = RunDetailJson.From(detail);
        return HttpResults.Ok(Caller(context).Role == AdminRole.Operator ? shown : shown with { ResultUrl = null });
    }

    private Task<IResult> BodyAsync(
        HttpContext context, string id, Func<RunDetail, (ReadOnlyMemory<byte> Body, string? ContentType)?> choose) =>
        OfRunAsync(id, async run =>
        {
            if (await admin.GetAsync(run, context.RequestAborted) is not { } detail || choose(detail) is not { } chosen)
                return Refusal(Unknown());

            // The content is untrusted: a browser must neither render it nor guess its type.
            context.Response.Headers.ContentDisposition = "attachment; filename=\"body\"";
            context.Response.Headers.ContentSecurityPolicy = "sandbox; default-src 'none'";
            return HttpResults.Bytes(chosen.Body, System.Net.Http.Headers.MediaTypeHeaderValue.TryParse(chosen.ContentType, out var type)
                ? type.ToString()
                : MediaTypeNames.Application.Octet);
        });

    private Task<IResult> ActAsync(HttpContext context, string id, RunAction action) => OfRunAsync(id, async run =>
    {
        var result = await admin.ActAsync(run, action, Caller(context).Who, context.RequestAborted);
        return result.Done ? HttpResults.Ok(new DoneJson(true, result.NewRun?.ToString()))
            : ReferenceEquals(result, ActionResult.Unknown) ? Refusal(Unknown())
            : Refusal(Problems.ActionRefused(run, result.Problem!));
    });

    private async Task<IResult> BeginAsync(BulkActionJson body, HttpContext context)
    {
        if (AdminQuery.Action(body.Action ?? "") is null)
            throw new FormatException($"There is no bulk action '{body.Action}'. The bulk actions are retry, "
                + "cancel, pause, resume, again and release-key.");
        if (body.Filter is not { } filter)
            throw new FormatException("filter is missing. An empty filter, {}, means all runs.");
        var begun = await sets.BeginAsync(body.Action!, AdminQuery.Read(filter), Caller(context).Who);
        return HttpResults.Accepted($"{Path}/actions/{begun.Id}", ProgressJson.From(begun));
    }

    private async Task<IResult> SetActionsAsync(HttpContext context, string? limit)
    {
        AdminQuery.RefuseUnknown(context.Request.Query);
        return HttpResults.Ok(new BulkActionsJson([.. (await sets.GetNewestAsync(AdminQuery.Limit(limit))).Select(ProgressJson.From)]));
    }

    private static async Task<IResult> ProgressAsync(Task<BulkAction?> action) =>
        await action is { } known ? HttpResults.Ok(ProgressJson.From(known)) : Refusal(Problems.NotFound());

    private static Task<IResult> OfRunAsync(string id, Func<RunId, Task<IResult>> call) =>
        RunId.TryParse(id, out var run) ? call(run) : Task.FromResult<IResult>(Refusal(Unknown()));

    private static string StepOf(StepActionJson body) => body.Step is { Length: > 0 } step
        ? step
        : throw new FormatException("step is missing. Set it to the id of a step of the run.");

    private static OverviewJson Json(Overview overview) =>
        new([.. overview.Routes.Select(RouteJson.From)], overview.Waiting, overview.OldestWaiting, overview.Store,
            LatencyJson.From(LatencyHistogram.Merge(overview.Routes.SelectMany(route => route.Minutes).Select(minute => minute.Latency))));

    private static AdminCaller Caller(HttpContext context) => context.Features.GetRequiredFeature<AdminCaller>();

    private static string? ValueOf(IReadOnlyList<HeaderLine> lines) =>
        lines.FirstOrDefault(line => line.Name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase)).Value;

    private static Problem Unknown() => Problems.NotFound() with { Detail = "There is no such run, or the run has no such part." };

    private static ProblemResult Refusal(Problem problem) => new(problem);

    private sealed class ProblemResult(Problem problem) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => httpContext.Response.WriteProblemAsync(problem);
    }
}
