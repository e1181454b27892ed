using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Results;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Telemetry;

namespace DurableGateway.Proxy;

/// <summary>
/// <c>Prefer: respond-async</c> (RFC 7240 §4.1): the request is stored as a run that is due at once, and its client is told where the
/// result will be.
/// </summary>
internal sealed class AsyncRequestHandler(
    RunEngine engine, IRunSignals signals, IRunStore store, ResultUrlFactory results, RunIdFactory ids, RequestFlow flow, TimeProvider time)
{
    /// <returns><see langword="false"/> where the request is too large to be stored: it goes on as any other.</returns>
    /// <exception cref="IdempotencyKeyTakenException">The request's key stands for another run.</exception>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task<bool> TryAcceptAsync(HttpContext context, RunPolicy policy, RequestCapture? body, string? idempotencyKey)
    {
        var bytes = body is null ? ReadOnlyMemory<byte>.Empty : await body.DrainAsync(context.RequestAborted);
        if (bytes is not { } whole) return false;
        var now = time.GetUtcNow();
        var route = context.GetReverseProxyFeature().Route.Config.RouteId;
        var request = RequestRecorder.Record(context, AttemptTracingMiddleware.RequestOf(context), whole);
        var hash = RunIdFactory.HashOf(context, policy, route, idempotencyKey);
        var id = ids.New(now, hash);
        var run = new NewRun(id, policy, route, now, request)
        {
            Idempotency = RunIdFactory.Mark(hash, request),
            ConcurrencyLimit = flow.LimitOf(context.Request, policy, route),
        };
        if (RequestFlow.IsLimited(policy)) await flow.ThrowIfTakenAsync(hash);
        var start = await flow.StartAsync(context.Request, policy, route, id);
        var response = context.Response;
        try
        {
            await CreateAsync(run, start);
        }
        catch (StoreUnavailableException e) when (e.MayHaveHappened)
        {
            response.AllowOrigin(policy);
            response.Headers[DurableHeaders.Result] = results.For(run.Id, now + policy.Lifetime);
            response.Headers[DurableHeaders.RunId] = run.Id.ToString();
            await response.WriteStoreAwayAsync(run.Id, LiveResponder.InDoubt);
            return true;
        }
        catch (IdempotencyKeyTakenException)
        {
            await flow.GiveBackAsync(context.Request, policy, route, id);
            throw;
        }

        response.Headers[DurableHeaders.RunId] = run.Id.ToString();
        response.AllowOrigin(policy);
        response.Headers[DurableHeaders.PreferenceApplied] = "respond-async";
        response.Redirect(results.For(run.Id, now + policy.Lifetime), StatusCodes.Status202Accepted);
        return true;
    }

    /// <summary>Stores the request that a step of another run invokes. Its id is given by that step, so this may be repeated.</summary>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task AcceptAsync(HttpContext context, RunPolicy policy, Invocation invocation)
    {
        // A step that asks again takes no other turn.
        if (await store.GetSnapshotAsync(invocation.Id) is not null)
        {
            invocation.IsBegun = invocation.IsKnown = true;
            return;
        }

        var now = time.GetUtcNow();
        // Its trace is that of the run that invokes it, as its headers say: the call that is at work here is the step's.
        var request = RequestRecorder.Record(context, activity: null, invocation.Body);
        var route = context.GetReverseProxyFeature().Route.Config.RouteId;
        var run = new NewRun(invocation.Id, policy, route, now, request)
        {
            Invoker = invocation.Invoker,
            ConcurrencyLimit = flow.LimitOf(context.Request, policy, route),
        };
        await CreateAsync(run, await flow.StartAsync(context.Request, policy, route, run.Id));
        invocation.IsBegun = true;
    }

    /// <summary>Says it again where there was no answer: a client that is refused must be able to rely on it.</summary>
    private async Task CreateAsync(NewRun run, DateTimeOffset due)
    {
        await UnansweredWrites.ResolveAsync(() => store.CreateDueAsync(run, engine.Owner, due), time);
        RunTelemetry.Started(run.Route, run.Policy);
        if (due > run.StartedAt) RunTelemetry.Queued(run.Route, run.Policy);
        signals.Parked(run.Id, due);
    }
}
