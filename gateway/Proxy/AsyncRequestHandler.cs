using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Results;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>
/// <c>Prefer: respond-async</c> (RFC 7240 §4.1): stores the request as a run that is due at once, and returns the result URL to the client.
/// </summary>
internal sealed class AsyncRequestHandler(
    RunEngine engine, IRunStore store, ResultUrlFactory results, RequestDrafts drafts, RequestFlow flow,
    IdempotentRequestHandler existing, TimeProvider time)
{
    /// <returns><see langword="false"/> if the request is too large to be stored. The caller then handles it as any other
    /// request.</returns>
    public async Task<bool> TryAcceptAsync(HttpContext context, RunPolicy policy, RequestCapture? body, string? idempotencyKey)
    {
        try
        {
            // The run begins when the whole request has arrived.
            if (body is not null && await body.DrainAsync(context.RequestAborted) is null) return false;
            await AcceptAsync(context, drafts.Begin(context, policy, body, idempotencyKey));
        }
        catch (IdempotencyKeyTakenException e)
        {
            await existing.AnswerAsync(context, policy, e.Taken, body);
        }
        catch (StoreUnavailableException e)
        {
            context.Response.AllowOrigin(policy);
            await context.Response.WriteStoreAwayAsync(null, e, "The request must be stored first, and could not be stored. ");
        }
        catch (Exception e) when (body is { Broken: true } && e is IOException or OperationCanceledException or BadHttpRequestException)
        {
            if (!context.Response.HasStarted) context.Response.StatusCode = StatusCodes.Status400BadRequest;
        }

        return true;
    }

    /// <summary>
    /// Stores the request that a step of another run invokes. The step determines the run's id, so the call can be repeated.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    public async Task AcceptAsync(HttpContext context, RunPolicy policy, Invocation invocation)
    {
        // A step that asks again does not take a second turn.
        if (await store.GetSnapshotAsync(invocation.Id) is not null)
        {
            invocation.IsBegun = invocation.IsKnown = true;
            return;
        }

        var now = time.GetUtcNow();
        // The trace is in the headers: it is that of the invoking run. The current activity belongs to the step call.
        var request = RequestRecorder.Record(context, activity: null, invocation.Body);
        var route = context.GetReverseProxyFeature().Route.Config.RouteId;
        var run = new NewRun(invocation.Id, policy, route, now, request)
        {
            Invoker = invocation.Invoker,
            ConcurrencyLimit = flow.LimitOf(context.Request, policy, route),
        };
        await engine.AcceptAsync(run, await flow.StartAsync(context.Request, policy, route, run.Id) ?? now);
        invocation.IsBegun = true;
    }

    private async Task AcceptAsync(HttpContext context, RequestDraft draft)
    {
        var policy = draft.Policy;
        if (RequestFlow.IsLimited(policy)) await flow.ThrowIfTakenAsync(draft.KeyHash);
        var start = await flow.StartAsync(context.Request, policy, draft.Route, draft.Run) ?? draft.StartedAt;
        var run = await draft.CompleteAsync(context.RequestAborted)
            ?? throw new InvalidOperationException("The request was already accepted.");
        var response = context.Response;
        var url = results.For(run.Id, run.StartedAt + policy.Lifetime);
        try
        {
            await engine.AcceptAsync(run, start);
        }
        catch (StoreUnavailableException e) when (e.MayHaveHappened)
        {
            response.AllowOrigin(policy);
            response.Headers[DurableHeaders.Result] = url;
            response.Headers[DurableHeaders.RunId] = run.Id.ToString();
            await response.WriteStoreAwayAsync(run.Id, LiveResponder.InDoubt);
            return;
        }
        catch (IdempotencyKeyTakenException)
        {
            await flow.GiveBackAsync(context.Request, policy, draft.Route, run.Id);
            throw;
        }

        response.Headers[DurableHeaders.RunId] = run.Id.ToString();
        response.AllowOrigin(policy);
        response.Headers[DurableHeaders.PreferenceApplied] = "respond-async";
        response.Redirect(url, StatusCodes.Status202Accepted);
    }
}
