using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary><c>GET /_durable/v1/results/{run}</c> (§5): waits for a run's result and returns it as the service sent it.</summary>
internal sealed class ResultEndpoints(
    IRunStore store, RunEngine engine, AttemptRegistry registry, IRunHistory history, ProgressStream progress, StreamFollower follower,
    ResultAccess access, RunEndNotifier ended,
    ClientResultReader results, KeptRequestDetector kept, Tokens tokens, GatewaySettings settings, IHostApplicationLifetime lifetime,
    TimeProvider time, ILogger<ResultEndpoints> log)
{
    private const int MaxHops = 15;
    private static readonly TimeSpan PageWait = TimeSpan.FromSeconds(1);

    /// <summary>How often the store is asked, because a signal can be lost with its node or connection.</summary>
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(5);
    /// <summary>
    /// How long to wait for an unknown run. A valid token means that the run existed or will exist: a client that was cut off may ask
    /// before its run is stored.
    /// </summary>
    private static readonly TimeSpan StoringTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StoringRetry = TimeSpan.FromMilliseconds(25);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.Map(ResultUrlFactory.Path + "{run}", context => MapAsync(context, Cors.ResultMethods, AnswerAsync));
        routes.Map(ResultUrlFactory.Path + "{run}" + ResultUrlFactory.Run,
            context => MapAsync(context, Cors.RunMethods, (_, run, _) => CancelAsync(context, run.Id)));
    }

    /// <summary>
    /// Maps a URL to a call. Many clients keep their method when they follow a <c>303</c>, so the result is the answer to every method that
    /// such a client may use. Changes have another URL, to which nothing redirects.
    /// </summary>
    private Task MapAsync(HttpContext context, string methods, Func<HttpContext, RunSnapshot, long, Task> call)
    {
        var method = context.Request.Method;
        if (Cors.IsPreflight(context.Request)) return VerifyAsync(context, (run, _) => access.PreflightAsync(context, run, methods));
        if (methods == Cors.RunMethods ? HttpMethods.IsDelete(method) : !HttpMethods.IsTrace(method) && !HttpMethods.IsConnect(method))
            return VerifyAsync(context, (run, began) => CallAsync(context, run, began, call));
        return VerifyAsync(context, (run, began) => CallAsync(context, run, began, (_, _, _) =>
        {
            context.Response.Headers.Allow = methods;
            return context.Response.WriteProblemAsync(Problems.MethodNotAllowed(method, methods));
        }));
    }

    /// <param name="context">The request.</param>
    /// <param name="call">Handles the request after its token is verified.</param>
    private async Task VerifyAsync(HttpContext context, Func<RunId, long, Task> call)
    {
        // All waits share one time limit, because proxies measure from the start of the request.
        var began = time.GetTimestamp();
        ResultAccess.ProtectUrl(context.Response);
        if (!await CanVerifyAsync(context, began))
        {
            await context.Response.WriteStoreAwayAsync(null, Tokens.KeysAway);
            return;
        }

        if (!RunId.TryParse(context.Request.RouteValues["run"] as string, out var run)
            || tokens.VerifyResult(run, context.Request.Query["token"]) is not { } end)
        {
            await RefuseAsync(context, Problems.ResultUnknown());
            return;
        }

        await GuardAsync(context, run, end, () => call(run, began));
    }

    /// <summary>Answers at the path of the run's request.</summary>
    /// <param name="context">A request without the member.</param>
    /// <param name="member">The member that was removed from it.</param>
    /// <returns><see langword="false"/> if it is another request: to another target, or from a page of the result.</returns>
    public async Task<bool> TryAnswerAsync(HttpContext context, ResultMember member)
    {
        var began = time.GetTimestamp();
        var isRead = HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method);
        if (!isRead && BrowserRequest.IsFromPage(context.Request)) return false;
        var target = RequestTarget.Of(context, isBase: true);
        try
        {
            if (!await CanVerifyAsync(context, began)) throw new StoreUnavailableException(Tokens.KeysAway);
            if (tokens.VerifyResultAt(member.Run, target.ToString(), member.Token) is not { } end) return false;
            if (!isRead && !await kept.IncludesAsync(context.Request, member.Run)) return false;
            context.Features.Set(new ResultAtTarget(member, target));
            await GuardAsync(context, member.Run, end, () => CallAsync(context, member.Run, began, AnswerAsync));
        }
        catch (StoreUnavailableException e) when (!context.Response.HasStarted)
        {
            await context.Response.WriteStoreAwayAsync(member.Run, e.Detail);
        }

        return true;
    }

    private async Task GuardAsync(HttpContext context, RunId run, DateTimeOffset end, Func<Task> call)
    {
        if (end < time.GetUtcNow())
        {
            await RefuseAsync(context, Problems.ResultExpired(run));
            return;
        }

        try
        {
            await call();
        }
        catch (StoreUnavailableException e) when (!context.Response.HasStarted)
        {
            await context.Response.WriteStoreAwayAsync(run, e.Detail);
        }
        catch (UnreadableRecordException e) when (!context.Response.HasStarted)
        {
            log.RecordUnreadable(run, e.Message);
            await context.Response.WriteProblemAsync(Problems.RecordUnreadable(run));
        }
    }

    /// <param name="context">The request.</param>
    /// <param name="run">The run.</param>
    /// <param name="began">When the request arrived.</param>
    /// <param name="call">Handles the request with the run's current state.</param>
    private async Task CallAsync(HttpContext context, RunId run, long began, Func<HttpContext, RunSnapshot, long, Task> call)
    {
        // Browsers show problems, too, only to allowed sites. The two store reads run in parallel.
        var origin = access.AllowOriginAsync(context, run);
        var known = GetStoredAsync(context, run, began);
        await Task.WhenAll(origin, known);
        var snapshot = await known;
        if ((snapshot is null ? Problems.ResultUnknown() : access.Check(context.Request, snapshot)) is { } problem)
            await RefuseAsync(context, problem);
        else await call(context, snapshot!, began);
    }

    /// <summary>Explains to a person who comes back to a page, from a bookmark or the browser's history, what happened to it.</summary>
    private static Task RefuseAsync(HttpContext context, Problem problem) => ProgressPage.IsWanted(context.Request)
        ? MessagePage.WriteAsync(context, problem.Status, problem.Title, problem.Detail ?? "", ResultAtTarget.Of(context) is { } at
            ? $"""<p><a href="{HtmlEncoder.Default.Encode(at.Target.SelfReference ?? "")}">Open the page again</a></p>"""
            : "")
        : context.Response.WriteProblemAsync(problem);

    /// <summary>Waits for the keys of a node that has just started. Without them, a valid URL would appear unknown.</summary>
    private async Task<bool> CanVerifyAsync(HttpContext context, long began)
    {
        while (!tokens.CanVerify && time.GetElapsedTime(began) < settings.ResultWait
            && !lifetime.ApplicationStopping.IsCancellationRequested)
            await Task.Delay(StoreRetry.Pause, time, context.RequestAborted);
        return tokens.CanVerify;
    }

    /// <summary>Waits until the run is stored. What the result is bound to is stored with it, so nothing can be returned before.</summary>
    private Task<RunSnapshot?> GetStoredAsync(HttpContext context, RunId run, long began) =>
        WaitAsync(run, Wait(context, settings.ResultWait), began, forEnd: false, context.RequestAborted);

    /// <summary>Cancels the run for a client that has its URL, if the policy allows that.</summary>
    private async Task CancelAsync(HttpContext context, RunId run)
    {
        var problem = await store.GetPolicyAsync(run) switch
        {
            null => Problems.ResultUnknown(),
            { AllowCancel: false } => Problems.CancelNotAllowed(run),
            var policy => await engine.CancelAsync(run, policy, "client") switch
            {
                true => null,
                false => Problems.CancelTooLate(run),
                null => Problems.ResultUnknown(),
            },
        };
        if (problem is null) context.Response.StatusCode = StatusCodes.Status204NoContent;
        else await context.Response.WriteProblemAsync(problem);
    }

    private async Task AnswerAsync(HttpContext context, RunSnapshot known, long began)
    {
        var run = known.Id;
        var wantsStream = ProgressStream.IsWanted(context.Request);
        if (wantsStream && await follower.TryWriteAsync(context, run)) return;
        if (wantsStream && !await IsOwnStreamAsync(context, run))
        {
            await progress.WriteAsync(context, run);
            return;
        }

        // A person gets a page soon. A program waits for the result.
        var wait = Wait(context, ProgressPage.IsWanted(context.Request) ? PageWait : settings.ResultWait);
        var snapshot = known.State.HasEnded() ? known : await WaitAsync(run, wait, began, forEnd: true, context.RequestAborted);
        switch (snapshot)
        {
            case null:
                await RefuseAsync(context, Problems.ResultUnknown());
                break;
            case { State: RunState.Cancelled }:
                context.Response.Headers[DurableHeaders.Status] = RunState.Cancelled.Name();
                await RefuseAsync(context, Problems.RunCancelled(run));
                break;
            case { State: RunState.Completed or RunState.Failed }:
                if (await results.GetAsync(context, run) is { } result)
                    await StoredResponseWriter.WriteAsync(context, run, result, snapshot.State);
                else await RefuseAsync(context, Problems.ResultUnknown());
                break;
            default:
                await AnswerNotYetAsync(context, snapshot, wait);
                break;
        }
    }

    /// <summary>
    /// Whether the client asked the service for an event stream, so that it gets the stored result instead of progress. If a stream is
    /// incomplete, a client that has all its events gets the run's result.
    /// </summary>
    private async Task<bool> IsOwnStreamAsync(HttpContext context, RunId run) => StreamFollower.GoesOn(context.Request) || (
        !context.Request.Headers.ContainsKey("Last-Event-ID")
        && await store.GetSnapshotAsync(run) is { State: RunState.Completed or RunState.Failed }
        && await store.GetResultAsync(run) is { } result
        && StreamFollower.IsStream(result));

    /// <summary>The time that the client prefers (RFC 7240), up to a maximum.</summary>
    private static TimeSpan Wait(HttpContext context, TimeSpan fallback)
    {
        var wait = PreferHeader.Wait(context.Request.Headers[DurableHeaders.Prefer]) ?? fallback;
        return wait < GatewaySettings.MaxResultWait ? wait : GatewaySettings.MaxResultWait;
    }

    /// <param name="run">The run.</param>
    /// <param name="wait">The maximum time.</param>
    /// <param name="began">When the wait began.</param>
    /// <param name="forEnd">Whether to wait for the end of the run, or only until it is stored.</param>
    /// <param name="cancellation">Cancelled when the client disconnects.</param>
    private async Task<RunSnapshot?> WaitAsync(RunId run, TimeSpan wait, long began, bool forEnd, CancellationToken cancellation)
    {
        using var waiter = ended.Register(run);
        while (true)
        {
            // Clients that wait for a result also wait for the store.
            var snapshot = await StoreRetry.RepeatAsync(
                () => store.GetSnapshotAsync(run), time, wait - time.GetElapsedTime(began),
                goOn: _ => !lifetime.ApplicationStopping.IsCancellationRequested, cancellation: cancellation);
            var left = wait - time.GetElapsedTime(began);
            if (snapshot is null && (registry.TryGet(run, out _) || time.GetElapsedTime(began) < StoringTime)
                && left > TimeSpan.Zero && !lifetime.ApplicationStopping.IsCancellationRequested)
            {
                await Task.Delay(StoringRetry, time, cancellation);
                continue;
            }

            if (snapshot is null || !forEnd || snapshot.State.HasEnded() || left <= TimeSpan.Zero
                || lifetime.ApplicationStopping.IsCancellationRequested) return snapshot;
            await waiter.WaitAsync(left < AskAgain ? left : AskAgain, cancellation);
            if (waiter.HasEnded) return await store.GetSnapshotAsync(run);
        }
    }

    private async Task AnswerNotYetAsync(HttpContext context, RunSnapshot snapshot, TimeSpan wait)
    {
        var response = context.Response;
        response.Headers.CacheControl = "no-store";
        response.Headers.Vary = "Accept";
        response.Headers[DurableHeaders.RunId] = snapshot.Id.ToString();
        response.Headers.RetryAfter = RetryAfter.Format((snapshot.NextAttemptAt ?? time.GetUtcNow()) - time.GetUtcNow());
        if (ProgressPage.IsWanted(context.Request))
        {
            await ProgressPage.WriteAsync(context, snapshot, await history.GetAsync(snapshot.Id));
            return;
        }

        var at = ResultAtTarget.Of(context);
        var hop = at?.Member.Hop ?? 0;
        if (at is null) _ = int.TryParse(context.Request.Query["hop"], NumberStyles.None, CultureInfo.InvariantCulture, out hop);
        if (hop < MaxHops && wait != TimeSpan.Zero)
        {
            response.StatusCode = StatusCodes.Status303SeeOther;
            response.Headers.Location = at?.Next ?? string.Create(CultureInfo.InvariantCulture,
                $"{ResultUrlFactory.Path}{snapshot.Id}?token={context.Request.Query["token"]}&hop={hop + 1}");
            return;
        }

        response.StatusCode = StatusCodes.Status202Accepted;
        response.Headers[DurableHeaders.Status] = snapshot.State.Name();
        var state = await store.GetSnapshotAsync(snapshot.Id, countSteps: true) ?? snapshot;
        response.ContentType = "application/json";
        await response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(RunStateJson.From(state), WireJson.Default.RunStateJson),
            context.RequestAborted);
    }
}
