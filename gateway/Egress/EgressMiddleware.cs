using System.Collections.Immutable;
using DurableGateway.Configuration;
using DurableGateway.Http;
using DurableGateway.Listeners;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Egress;

/// <summary>
/// The part of YARP's pipeline for the calls that services make. It finds the attempt that a call belongs to, and answers the call from
/// memory, or has it made and remembered. A call that belongs to no run is forwarded as on a plain route.
/// </summary>
internal sealed class EgressMiddleware(RequestDelegate next, CallBinder binder, CallMaker maker, CallLedgers ledgers, NodeForwarder nodes,
    EndedAttempts ended, EgressAddressProvider addresses, AttemptRegistry registry, RunEngine engine, IRunStore store,
    IRequestObserver observer, GatewaySettings settings, TimeProvider time)
{
    /// <summary>
    /// How long a call whose body is unknown waits for other calls to get the outcomes that are left. A service that makes calls at once
    /// makes them in any order, and another call may be the one that the outcome belongs to.
    /// </summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long an unsafe call waits while one that is alike is in flight. A service that gives up a call and repeats it uses two
    /// connections, and the repetition may arrive before the end of the other connection does.
    /// </summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(1);

    /// <summary>A query parameter counts as a member of an object.</summary>
    private readonly ImmutableArray<string> _masked = [.. settings.MaskedJsonPaths.Where(path => !path.Contains('.'))];

    public Task InvokeAsync(HttpContext context)
    {
        var route = context.GetReverseProxyFeature().Route;
        return StepRules.For(route) is { } rules ? EgressAsync(context, route.Config.RouteId, rules) : next(context);
    }

    private async Task EgressAsync(HttpContext context, string route, StepRules rules)
    {
        if (!RequestedHost.TryChoose(context))
        {
            await context.Response.WriteProblemAsync(Problems.BadRequest(StatusCodes.Status400BadRequest,
                "This route forwards to the host of the request's target, so the target must be an http:// URL, as for a forward proxy."));
            return;
        }

        // Not for the dashboard, which warns of calls that should be remembered and are not.
        if (route == ForwardRoutes.Any) CallCounts.AddUnbound(route);
        if (!rules.Remembers || LongLivedRequest.Begins(context))
        {
            await next(context);
            return;
        }

        if (binder.IsUncertain(context.Request.Headers))
        {
            await context.Response.WriteStoreAwayAsync(null, Tokens.KeysAway);
            return;
        }

        if (binder.Find(context.Request.Headers) is not { } binding)
        {
            CallCounts.AddUnbound(route);
            observer.CallWasUnbound(route);
            await next(context);
            return;
        }

        if (binding.Node != addresses.Own)
        {
            // Addresses change when nodes start again, and an old one may lead back to a node that does not know it.
            if (NodeForwarder.HasForwarded(context.Request)) await RefuseAsync(context, route, Problems.AttemptOver(binding.Run));
            else await nodes.ForwardAsync(context, binding.Node);
            return;
        }

        if (registry.TryGet(binding.Run, out var attempt) && attempt.Key.Fence == binding.Attempt && attempt.TryBeginCall())
        {
            bool passes;
            try
            {
                passes = await CallAsync(context, attempt, route, rules);
            }
            finally
            {
                attempt.EndCall();
            }

            // The end of the attempt does not wait for a call without an outcome, which may be a stream that never ends.
            if (passes) await next(context);
        }
        else if (ended.Contains(binding))
        {
            CallCounts.Add(route, CallCounts.Passed);
            await next(context);
        }
        else
        {
            await RefuseAsync(context, route, Problems.AttemptOver(binding.Run));
        }
    }

    /// <summary>Answers a call, or has it made and remembered.</summary>
    /// <returns>Whether the call is to be forwarded as on a plain route.</returns>
    private async Task<bool> CallAsync(HttpContext context, Attempt attempt, string route, StepRules rules)
    {
        try
        {
            var body = await ReadBodyAsync(context, attempt.Policy);
            if (!await IsStoredAsync(attempt))
            {
                // The run cannot be replayed, so nothing has to be remembered.
                CallCounts.AddUnbound(route);
                return true;
            }

            // A paused process may be an attempt's that another one has taken over, so what it calls must not be reached any more.
            if (!await engine.OwnsAsync(attempt))
            {
                await RefuseAsync(context, route, Problems.AttemptSuperseded(attempt.Run));
                return false;
            }

            var request = context.Request;
            var isOfStep = StructuredFields.ParseBoolean(request.Headers[DurableHeaders.InStep]) is true;
            if (body is null || isOfStep || !rules.Includes(request.Method))
            {
                CallCounts.Add(route, CallCounts.Passed);
                if (body is null)
                {
                    await engine.NoteNotRememberedAsync(
                        attempt, $"{route} {request.Method} {request.Path}", "its request is larger than MaxRequestBytes");
                }

                return true;
            }

            var target = ForwardTarget.Of(context)?.ToString() ?? context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
            var call = ServiceCall.Of(route, request.Method, target, request.Headers, body.Value, rules, _masked);
            var ledger = ledgers.Of(attempt);
            await ledger.LoadAsync(attempt, store);
            await MatchAsync(context, attempt, route, rules, call, ledger);
        }
        catch (StoreUnavailableException e)
        {
            // The call was not made. If the attempt fails because of that, it is not the service's failure.
            attempt.NoteCheckpoint(isStored: false);
            CallCounts.Add(route, CallCounts.Refused);
            await context.Response.WriteStoreAwayAsync(attempt.Run, e);
        }
        catch (UnreadableRecordException)
        {
            await RefuseAsync(context, route, Problems.RecordUnreadable(attempt.Run));
        }

        return false;
    }

    private async Task MatchAsync(
        HttpContext context, Attempt attempt, string route, StepRules rules, ServiceCall call, CallLedger ledger)
    {
        var drift = rules.DriftFor(context.Request.Method);
        var began = time.GetTimestamp();
        var ignoresOthers = false;
        var overlap = StepRules.IsSafe(context.Request.Method) ? TimeSpan.Zero : Overlap;
        while (true)
        {
            // It would not get the outcome, and its repetition would be another call.
            if (context.RequestAborted.IsCancellationRequested) return;
            var change = ledger.NextChange;
            switch (ledger.Take(call, ignoresOthers, waitsForAlike: time.GetElapsedTime(began) < overlap))
            {
                case CallMatch.Remembered(var slot):
                    await AnswerAsync(context, route, slot);
                    return;
                case CallMatch.New(var slot):
                    await maker.MakeAsync(context, new CallMaker.Order(attempt, route, rules, call, ledger, slot), next);
                    return;
                case CallMatch.InFlight:
                    await ledger.WaitAsync(change, Timeout.InfiniteTimeSpan, time, context.RequestAborted);
                    break;
                case CallMatch.AlikeInFlight:
                    await ledger.WaitAsync(change, overlap - time.GetElapsedTime(began), time, context.RequestAborted);
                    break;
                case CallMatch.Drift(var other):
                    if (await ledger.WaitAsync(change, Grace - time.GetElapsedTime(began), time, context.RequestAborted)) break;
                    var differences = BodyComparison.Of(other.Outcome!, call, context.Request.ContentType, rules);
                    var what = $"{call.Target} differs from step '{other.Id}' in {differences.Names}.";
                    if (drift == StepDrift.Remember && !ledger.TryTake(other)) break;
                    await engine.NoteDriftAsync(attempt, what, differences.ToDrift(drift.ToString().ToLowerInvariant()));
                    CallCounts.Add(route, CallCounts.Drifted);
                    if (drift == StepDrift.Remember)
                    {
                        await AnswerAsync(context, route, other);
                        return;
                    }

                    if (drift == StepDrift.Fail)
                    {
                        attempt.Drift = what;
                        await context.Response.WriteProblemAsync(Problems.StepDrift(attempt.Run, what));
                        return;
                    }

                    ignoresOthers = true;
                    break;
            }
        }
    }

    private static Task AnswerAsync(HttpContext context, string route, CallSlot slot)
    {
        CallCounts.Add(route, CallCounts.Answered);
        return StoredResponseWriter.WriteBodyAsync(context, slot.Outcome!.Response);
    }

    private static Task RefuseAsync(HttpContext context, string route, Problem problem)
    {
        CallCounts.Add(route, CallCounts.Refused);
        return context.Response.WriteProblemAsync(problem);
    }

    /// <summary>Reads the body, which is compared, and forwarded if the call is made.</summary>
    /// <returns><see langword="null"/> if it is too large to be compared. It is forwarded all the same.</returns>
    private static async Task<ReadOnlyMemory<byte>?> ReadBodyAsync(HttpContext context, RunPolicy policy)
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: true }) return ReadOnlyMemory<byte>.Empty;
        var capture = new RequestCapture(context.Request.Body, policy.MaxRequestBytes, context.Request.ContentLength);
        context.Response.RegisterForDispose(capture);
        context.Request.Body = capture;
        return context.Request.ContentLength > policy.MaxRequestBytes ? null : await capture.DrainAsync(context.RequestAborted);
    }

    /// <summary>Stores a run that is in memory only, before the first call leaves: a crash must not forget that there may be one.</summary>
    private async Task<bool> IsStoredAsync(Attempt attempt)
    {
        try
        {
            return await StoreRetry.ResolveAsync(() => engine.EnsureStoredAsync(attempt), time);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or BadHttpRequestException)
        {
            // The client disconnected before its request was complete, so there is no run.
            return false;
        }
    }
}
