using System.Text.Json;
using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace DurableGateway.Steps;

/// <summary>The calls of services about their steps (§3), under <c>/_durable/v1/runs/{run}</c> on the control listener.</summary>
internal sealed class StepEndpoints(AttemptRegistry registry, RunEngine engine, StepCallHandler calls, IRunStore store, Tokens tokens,
    StepCallTelemetry telemetry, TimeProvider time, ILogger<StepEndpoints> log)
{
    private const string Base = "/_durable/v1/runs/";
    private const string StepsSegment = "/steps/";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet(Base + "{run}", context => CallAsync(context, GetStateAsync));
        routes.MapGet(Base + "{run}/steps", context => CallAsync(context, GetStepsAsync));
        routes.MapPut(Base + "{run}/steps/{**step}", context => CallAsync(context, PutStepAsync));
    }

    private async Task CallAsync(HttpContext context, Func<HttpContext, RunId, Fence, Task> call)
    {
        var response = context.Response;
        if (!tokens.CanVerify)
        {
            await response.WriteStoreAwayAsync(null, Tokens.KeysAway);
            return;
        }

        if (!RunId.TryParse(context.Request.RouteValues["run"] as string, out var run)
            || tokens.VerifySteps(run, context.Request.Headers[DurableHeaders.Token]) is not { } attempt)
        {
            await response.WriteProblemAsync(Problems.TokenInvalid());
            return;
        }

        try
        {
            await call(context, run, attempt);
        }
        catch (StoreUnavailableException e)
        {
            if (registry.TryGet(run, out var live) && live.Key.Fence == attempt) live.NoteCheckpoint(isStored: false);
            await response.WriteStoreAwayAsync(run, e);
        }
        catch (UnreadableRecordException e)
        {
            log.RecordUnreadable(run, e.Message);
            await response.WriteProblemAsync(Problems.RecordUnreadable(run));
        }
    }

    private async Task GetStateAsync(HttpContext context, RunId run, Fence attempt)
    {
        if (await store.GetSnapshotAsync(run, countSteps: true) is { } snapshot)
            await WriteAsync(context, JsonSerializer.SerializeToUtf8Bytes(RunStateJson.From(snapshot), WireJson.Default.RunStateJson));
        else if (registry.TryGet(run, out var live))
            await WriteAsync(context,
                JsonSerializer.SerializeToUtf8Bytes(RunStateJson.From(Unstored(live)), WireJson.Default.RunStateJson));
        else
            await context.Response.WriteProblemAsync(Problems.RunUnknown(run));
    }

    private async Task GetStepsAsync(HttpContext context, RunId run, Fence attempt)
    {
        context.Response.Headers.Vary = HeaderNames.Accept;
        if (StepListWriter.IsAccepted(context.Request))
        {
            await StreamStepsAsync(context, run);
            return;
        }

        var steps = await store.GetStepsAsync(run) ?? (registry.TryGet(run, out _) ? [] : null);
        if (steps is null) await context.Response.WriteProblemAsync(Problems.RunUnknown(run));
        else
            await WriteAsync(context, JsonSerializer.SerializeToUtf8Bytes(
                steps.Where(step => !StepOutcome.IsCall(step)).Select(StepJson.From), WireJson.Default.IEnumerableStepJson));
    }

    private async Task StreamStepsAsync(HttpContext context, RunId run)
    {
        var pages = await store.ReadStepsAsync(run);
        if (pages is null && !registry.TryGet(run, out _))
        {
            await context.Response.WriteProblemAsync(Problems.RunUnknown(run));
            return;
        }

        var list = new StepListWriter(context.Response);
        try
        {
            if (pages is not null)
            {
                await foreach (var page in pages) await list.WriteAsync(page, context.RequestAborted);
            }

            await list.EndAsync(context.RequestAborted);
        }
        catch (Exception e) when (context.Response.HasStarted && e is StoreUnavailableException or UnreadableRecordException)
        {
            // The client has a list without its end, and asks again.
            log.StepListCutOff(run, e.Message);
            context.Abort();
        }
    }

    private async Task PutStepAsync(HttpContext context, RunId run, Fence attempt)
    {
        var response = context.Response;
        var began = time.GetTimestamp();
        if (!registry.TryGet(run, out var live) || live.Key.Fence != attempt) live = null;
        if ((live?.Policy ?? await store.GetPolicyAsync(run)) is not { } policy)
        {
            await response.WriteProblemAsync(Problems.RunUnknown(run));
            return;
        }

        if (StepCallReader.Read(context.Request, SegmentOf(context), time.GetUtcNow(), run, out var problem) is not { } call)
        {
            await response.WriteProblemAsync(problem!);
            return;
        }

        if (await context.Request.ReadWholeAsync(policy.MaxStepBytes) is not { } body)
        {
            await response.WriteProblemAsync(Problems.StepTooLarge(run, policy.MaxStepBytes));
            return;
        }

        // A report on a step stores the run with the same call of the store.
        var storesRun = !policy.PinToBuild && call is RunStepCall or StartStepCall;
        if (live is not null && !storesRun && !await IsStoredAsync(live))
        {
            await response.WriteProblemAsync(Problems.RunUnknown(run));
            return;
        }

        if (policy.PinToBuild && StructuredFields.ParseText(context.Request.Headers[DurableHeaders.Build]) is { } build)
            await store.SetBuildAsync(run, build);
        var failure = calls.Explain(call, body);
        var (answer, refused) = await calls.ExecuteAsync(call, run, attempt, live, policy, body, failure, response);
        if (refused is not null)
        {
            await response.WriteProblemAsync(refused);
            return;
        }

        if (answer.Verdict == StepVerdict.OtherKind)
            await engine.NoteMismatchAsync(run, attempt.Attempt, $"\"{call.Id}\";asked={call.Type}");
        else if (answer.Outcome is { } stored && stored.Type != call.Type)
            await engine.NoteMismatchAsync(run, attempt.Attempt, $"\"{call.Id}\";stored={stored.Type};asked={call.Type}");

        // The store answered, possibly after failed calls.
        live?.NoteCheckpoint(isStored: true);
        await telemetry.ReportedAsync(run, attempt.Attempt, policy, call, answer, failure, began);
        await AnswerAsync(response, run, call.Id, policy, answer);
    }

    /// <summary>Stores a live run that is not stored yet, because this is its first checkpoint.</summary>
    /// <returns><see langword="false"/> if there is no run.</returns>
    private async Task<bool> IsStoredAsync(Attempt live)
    {
        try
        {
            return await engine.EnsureStoredAsync(live) || await store.GetPolicyAsync(live.Run) is not null;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or BadHttpRequestException)
        {
            // The client disconnected before its request was complete, so there is no run.
            return false;
        }
    }

    private Task AnswerAsync(HttpResponse response, RunId run, string step, RunPolicy policy, StepAnswer answer)
    {
        switch (answer.Verdict)
        {
            case StepVerdict.Created:
                response.StatusCode = StatusCodes.Status201Created;
                return Task.CompletedTask;
            case StepVerdict.Scheduled:
                response.StatusCode = StatusCodes.Status202Accepted;
                if (answer.Due != default) response.Headers.RetryAfter = RetryAfter.Format(answer.Due - time.GetUtcNow());
                return Task.CompletedTask;
            case StepVerdict.Stored:
                var stored = answer.Outcome!;
                response.Headers[DurableHeaders.StepOutcome] = stored.Failed ? "failed" : "completed";
                response.ContentType = stored.ContentType;
                response.ContentLength = stored.Body.Length;
                return response.Body.WriteAsync(stored.Body).AsTask();
            case StepVerdict.OtherKind:
                return response.WriteProblemAsync(Problems.StepOfOtherKind(run, step));
            case StepVerdict.BeyondDeadline:
                return response.WriteProblemAsync(Problems.BeyondRunTimeout(run, step, policy.RunTimeout));
            case StepVerdict.TooMany:
                return response.WriteProblemAsync(Problems.TooManySteps(run, policy.MaxSteps));
            case StepVerdict.Ended:
                return response.WriteProblemAsync(Problems.RunEnded(run));
            case StepVerdict.Superseded:
                return response.WriteProblemAsync(Problems.AttemptSuperseded(run));
            default:
                return response.WriteProblemAsync(Problems.RunUnknown(run));
        }
    }

    /// <summary>The step's segment of the raw target, in which <c>a/b</c> and <c>a%2Fb</c> are different.</summary>
    private static string SegmentOf(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var query = target.IndexOf('?', StringComparison.Ordinal);
        var path = query < 0 ? target : target[..query];
        var start = path.IndexOf(StepsSegment, StringComparison.Ordinal);
        return start < 0 ? "" : path[(start + StepsSegment.Length)..];
    }

    private static RunSnapshot Unstored(Attempt live) => new()
    {
        Id = live.Run,
        State = RunState.Running,
        Attempt = live.Key.Number,
        StartedAt = live.StartedAt,
        NextAttemptAt = null,
    };

    private static Task WriteAsync(HttpContext context, byte[] json)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        return context.Response.Body.WriteAsync(json, context.RequestAborted).AsTask();
    }
}
