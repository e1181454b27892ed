using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary><c>GET /_durable/v1/results/{run}</c> (§5): waits for a run's result and gives it as the service gave it.</summary>
internal sealed class ResultEndpoints(
    IRunStore store, RunEngine engine, AttemptRegistry registry, IRunHistory history, ProgressStream progress, StreamFollower follower,
    ResultAccess access, RunEndNotifier ended,
    ClientResultReader results, KeptRequestDetector kept, Tokens tokens, GatewaySettings settings, IHostApplicationLifetime lifetime,
    TimeProvider time, ILogger<ResultEndpoints> log)
{
    private const int MaxHops = 15;
    private static readonly TimeSpan PageWait = TimeSpan.FromSeconds(1);

    /// <summary>A signal may be lost with the node or the connection that sent it: the store has the last word.</summary>
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(5);
    /// <summary>
    /// A token is genuine, so its run was there, or will be: a client that was cut off may be here before its run is stored.
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
    /// Many clients keep their method as they follow a <c>303</c>. So the result is the answer to every method that may be such a
    /// continuation, whatever it means elsewhere, and what changes something has a URL that no redirect leads to.
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
    /// <param name="call">What it asks for, of a run that its token is good for, and since when.</param>
    private async Task VerifyAsync(HttpContext context, Func<RunId, long, Task> call)
    {
        // One wait for all that there is to wait for: proxies in front count from the request on.
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
            await context.Response.WriteProblemAsync(Problems.ResultUnknown());
            return;
        }

        await GuardAsync(context, run, end, () => call(run, began));
    }

    /// <summary>The same at the path of the run's request.</summary>
    /// <param name="context">A request without the member.</param>
    /// <param name="member">The member that it had.</param>
    /// <returns><see langword="false"/> where it is another request: to another target, or one that a page of the result makes.</returns>
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
    /// <param name="began">When the request came.</param>
    /// <param name="call">What it asks for, of the run as it is now.</param>
    private async Task CallAsync(HttpContext context, RunId run, long began, Func<HttpContext, RunSnapshot, long, Task> call)
    {
        // A browser shows problems, too, to those sites only that it was told of. The store is asked for both at once.
        var origin = access.AllowOriginAsync(context, run);
        var known = GetStoredAsync(context, run, began);
        await Task.WhenAll(origin, known);
        var snapshot = await known;
        if ((snapshot is null ? Problems.ResultUnknown() : access.Check(context.Request, snapshot)) is { } problem)
            await RefuseAsync(context, problem);
        else await call(context, snapshot!, began);
    }

    /// <summary>A person who comes back to a page, by a bookmark or the history of a browser, is told what has become of it.</summary>
    private static Task RefuseAsync(HttpContext context, Problem problem) =>
        ResultAtTarget.Of(context) is { } at && ProgressPage.IsWanted(context.Request)
            ? MessagePage.WriteAsync(context, problem.Status, problem.Title, problem.Detail ?? "",
                $"""<p><a href="{HtmlEncoder.Default.Encode(at.Target.SelfReference ?? "")}">Open the page anew</a></p>""")
            : context.Response.WriteProblemAsync(problem);

    /// <summary>A node that has just started may not have its keys yet: a URL that it gave before is not an unknown one.</summary>
    private async Task<bool> CanVerifyAsync(HttpContext context, long began)
    {
        while (!tokens.CanVerify && time.GetElapsedTime(began) < settings.ResultWait
            && !lifetime.ApplicationStopping.IsCancellationRequested)
            await Task.Delay(StoreRetry.Pause, time, context.RequestAborted);
        return tokens.CanVerify;
    }

    /// <summary>
    /// What the result is bound to is stored with the run, so a client that is here first has to wait for it; without it nobody
    /// gets anything.
    /// </summary>
    private Task<RunSnapshot?> GetStoredAsync(HttpContext context, RunId run, long began) =>
        WaitAsync(run, Wait(context, settings.ResultWait), began, forEnd: false, context.RequestAborted);

    /// <summary>A client that has the URL may cancel the run, if its policy allows that.</summary>
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

        // A person is shown something soon; a program is answered once.
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
    /// Who asked the service for a stream of events, and comes when that has ended, gets that stream. Who has all events of one that is not
    /// whole gets what the run came to.
    /// </summary>
    private async Task<bool> IsOwnStreamAsync(HttpContext context, RunId run) => StreamFollower.GoesOn(context.Request) || (
        !context.Request.Headers.ContainsKey("Last-Event-ID")
        && await store.GetSnapshotAsync(run) is { State: RunState.Completed or RunState.Failed }
        && await store.GetResultAsync(run) is { } result
        && StreamFollower.IsStream(result));

    /// <summary>As long as the client says (RFC 7240), up to a maximum.</summary>
    private static TimeSpan Wait(HttpContext context, TimeSpan fallback)
    {
        var wait = PreferHeader.Wait(context.Request.Headers[DurableHeaders.Prefer]) ?? fallback;
        return wait < GatewaySettings.MaxResultWait ? wait : GatewaySettings.MaxResultWait;
    }

    /// <param name="run">The run.</param>
    /// <param name="wait">How long at most.</param>
    /// <param name="began">From when on.</param>
    /// <param name="forEnd">Whether for its end, or for its being stored only.</param>
    /// <param name="cancellation">The client has gone.</param>
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
