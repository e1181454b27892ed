using System.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Results;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Proxy;

/// <summary>
/// The first attempt of a run, with the client on the line. While all goes well this is YARP and a few words in memory; what
/// fails is stored, parked, and answered with a redirect.
/// </summary>
internal sealed class LiveAttempts(
    AttemptRegistry registry, RunEngine engine, IRunStore store, ResultUrls results, EndedRuns ended, TimeProvider time, ILogger<LiveAttempts> log)
{
    private static readonly TimeSpan StoreRetry = TimeSpan.FromMilliseconds(100);

    public async Task InvokeAsync(HttpContext context, RunPolicy policy, RequestDelegate next)
    {
        using var body = Capture(context, policy);
        using var attempt = Begin(context, policy, body);
        var feature = new AttemptFeature(attempt) { RequestBody = body };
        registry.Add(attempt);
        try
        {
            if (policy.Persist == PersistMode.OnStart && !await engine.EnsureStoredAsync(attempt))
            {
                await AnswerOversizedAsync(context, policy, next);
                return;
            }

            context.Features.Set(feature);
            context.Response.Headers[DurableHeaders.RunId] = attempt.Run.ToString();

            // The run goes on without its client, and does not go on past its time.
            var clientGone = context.RequestAborted;
            context.RequestAborted = attempt.Aborted;
            using var timeout = context.Features.Get<IHttpRequestTimeoutFeature>()?.RequestTimeoutToken
                .UnsafeRegister(state => ((Attempt)state!).Interrupt(AttemptInterrupt.TimedOut), attempt);
            await next(context);
            context.RequestAborted = clientGone;
            await AfterAsync(context, feature, body);
        }
        catch (StoreUnavailableException e)
        {
            log.NotStored(attempt.Run, e.Message);
            if (context.Response.HasStarted) return;

            // A run that is stored is taken up when its lease ends, whatever could not be written now.
            if (attempt.IsStored) AnswerRedirect(context, feature, engine.LeaseTime);
            else await AnswerStoreAwayAsync(context, feature);
        }
        catch (Exception e) when (body is { Broken: true } && e is IOException or OperationCanceledException or BadHttpRequestException)
        {
            // The request never arrived whole: it is not a run.
            if (!context.Response.HasStarted) context.Response.StatusCode = StatusCodes.Status400BadRequest;
        }
        finally
        {
            await attempt.CloseAsync();
            registry.Remove(attempt);
        }
    }

    private static RequestCapture? Capture(HttpContext context, RunPolicy policy)
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: true }) return null;
        var capture = new RequestCapture(context.Request.Body, policy.MaxRequestBytes, context.Request.ContentLength)
        {
            RefuseOverflow = policy.OversizedRequests == OversizedRequests.Refuse,
        };
        context.Request.Body = capture;
        return capture;
    }

    private Attempt Begin(HttpContext context, RunPolicy policy, RequestCapture? body)
    {
        var now = time.GetUtcNow();
        var run = RunId.New(now);
        var route = context.GetReverseProxyFeature().Route.Config.RouteId;
        var activity = Activity.Current;
        return new Attempt(new AttemptKey(run, 1, engine.Owner), policy, route, now, time.GetTimestamp(), async cancellation =>
        {
            var bytes = body is null ? ReadOnlyMemory<byte>.Empty : await body.DrainAsync(cancellation);
            return bytes is { } whole ? new NewRun(run, policy, route, now, RequestRecorder.Record(context, activity, whole)) : null;
        })
        {
            Timeout = policy.RunTimeout < policy.AttemptTimeout ? policy.RunTimeout : policy.AttemptTimeout,
        };
    }

    /// <summary>A body with no length that turned out too large to be stored before it is sent.</summary>
    private static Task AnswerOversizedAsync(HttpContext context, RunPolicy policy, RequestDelegate next)
    {
        if (policy.OversizedRequests == OversizedRequests.Refuse)
            return context.Response.WriteProblemAsync(Problems.RequestTooLarge(policy.MaxRequestBytes));
        context.Response.Headers[DurableHeaders.Status] = "not-durable";
        return next(context);
    }

    private async Task AfterAsync(HttpContext context, AttemptFeature feature, RequestCapture? body)
    {
        var attempt = feature.Attempt;
        var error = context.GetForwarderErrorFeature()?.Error ?? ForwarderError.None;
        if (body is { Broken: true } && !attempt.IsStored) return;
        if (body is { Overflowed: true, RefuseOverflow: true } && !context.Response.HasStarted)
        {
            context.Response.Clear();
            await context.Response.WriteProblemAsync(Problems.RequestTooLarge(attempt.Policy.MaxRequestBytes));
            return;
        }

        if (IsAnswered(feature, error))
        {
            await FinishAsync(context, feature);
            return;
        }

        var failure = new AttemptFailure(
            Reason(feature, error), () => LastResponse(feature, error), feature.RetryAfter,
            Final: attempt.Policy.MaxAttempts == 1);
        var end = attempt.Interrupted switch
        {
            AttemptInterrupt.Lost => new AttemptEnd(Fate.Lost),
            AttemptInterrupt.Shutdown => await engine.HandBackAsync(attempt),
            _ when feature is { IsSuppressed: true, Outcome: AttemptOutcome.Completed or AttemptOutcome.FailedForGood } => new AttemptEnd(Fate.Lost),
            _ when feature.Outcome == AttemptOutcome.Suspended => await engine.SuspendAsync(attempt),
            _ => await engine.FailAsync(attempt, failure),
        };
        if (context.Response.HasStarted) return;
        if (end.Fate == Fate.None) await AnswerAsItIsAsync(context, feature, error);
        else await AnswerLaterAsync(context, feature, end);
    }

    /// <summary>
    /// The response reached the client whole, or nobody is left to take it. What went wrong with the request's body after
    /// that (a service may answer before it has read it all) is no matter.
    /// </summary>
    private static bool IsAnswered(AttemptFeature feature, ForwarderError error) =>
        feature is { IsSuppressed: false, Outcome: AttemptOutcome.Completed or AttemptOutcome.FailedForGood }
        && feature.Attempt.Interrupted == AttemptInterrupt.None
        && error is ForwarderError.None or ForwarderError.ResponseBodyClient or ForwarderError.RequestBodyClient
            or ForwarderError.RequestBodyDestination or ForwarderError.RequestBodyCanceled;

    /// <summary>The client has its answer. A run that is stored gets it as its result, before the response is closed.</summary>
    private async Task FinishAsync(HttpContext context, AttemptFeature feature)
    {
        var attempt = feature.Attempt;
        await attempt.CloseAsync();
        if (!attempt.IsStored) return;
        var result = feature.Capture switch
        {
            null => Problems.ResultNotKept(attempt.Run).ToResponse(),
            { Overflowed: true } => Problems.ResponseTooLarge(attempt.Run, attempt.Policy.MaxResponseBytes).ToResponse(),
            var capture => new StoredResponse(feature.Status, feature.ResponseHeaders, capture.Body, Trailers(context)),
        };
        var state = feature.Outcome == AttemptOutcome.Completed ? RunState.Completed : RunState.Failed;
        while (true)
        {
            try
            {
                await engine.EndAsync(attempt, state, result);
                return;
            }
            catch (StoreUnavailableException e) when (engine.HoldsLease(attempt))
            {
                log.NotRecorded(attempt.Run, attempt.Key.Number, e.Message);
                await Task.Delay(StoreRetry, time);
            }
        }
    }

    private async Task AnswerLaterAsync(HttpContext context, AttemptFeature feature, AttemptEnd end)
    {
        var attempt = feature.Attempt;
        context.Response.Clear();
        using (var waiter = ended.Register(attempt.Run))
        {
            var hold = attempt.Policy.HoldClientFor;
            if (PreferHeader.Wait(context.Request.Headers[DurableHeaders.Prefer]) is { } wait && wait < hold) hold = wait;
            hold -= time.GetElapsedTime(attempt.Began);
            if (end.Fate != Fate.Ended && hold > TimeSpan.Zero)
                await Task.WhenAny(waiter.Ended, Task.Delay(hold, time, context.RequestAborted));
            if (end.Fate == Fate.Ended || waiter.Ended.IsCompleted)
            {
                var snapshot = await store.GetSnapshotAsync(attempt.Run);
                if (snapshot is { State: RunState.Completed or RunState.Failed } && await store.GetResultAsync(attempt.Run) is { } result)
                {
                    await StoredResponseWriter.WriteAsync(context, attempt.Run, result, snapshot.State);
                    return;
                }
            }
        }

        AnswerRedirect(context, feature, end.Due - time.GetUtcNow());
    }

    private void AnswerRedirect(HttpContext context, AttemptFeature feature, TimeSpan retryAfter)
    {
        var response = context.Response;
        response.Clear();
        response.StatusCode = StatusCodes.Status303SeeOther;
        response.Headers[DurableHeaders.RunId] = feature.Attempt.Run.ToString();
        response.Headers.Location = feature.ResultUrl ?? results.For(feature.Attempt);
        response.Headers.RetryAfter = RetryAfter.Format(retryAfter);
        response.Headers.CacheControl = "no-store";
    }

    /// <summary>The request cannot be replayed (its body is too large), so the failure is the client's.</summary>
    private static Task AnswerAsItIsAsync(HttpContext context, AttemptFeature feature, ForwarderError error)
    {
        context.Response.Clear();
        context.Response.Headers[DurableHeaders.Status] = "not-durable";
        var failed = LastResponse(feature, error);
        return StoredResponseWriter.WriteBodyAsync(context, failed);
    }

    /// <summary>No redirect is given for a run that is not stored.</summary>
    private static Task AnswerStoreAwayAsync(HttpContext context, AttemptFeature feature)
    {
        context.Response.Clear();
        context.Response.Headers[DurableHeaders.RunId] = feature.Attempt.Run.ToString();
        context.Response.Headers[DurableHeaders.Status] = "not-durable";
        var said = feature.Status > 0 ? $"The service failed with status {feature.Status}" : "The service gave no answer";
        return context.Response.WriteProblemAsync(Problems.StoreUnavailable(feature.Attempt.Run, $"{said}, and the run could not be stored for a retry."));
    }

    private static string Reason(AttemptFeature feature, ForwarderError error) =>
        feature.Attempt.Interrupted == AttemptInterrupt.TimedOut ? "timed out"
        : feature.Outcome is AttemptOutcome.Failed ? $"status {feature.Status}"
        : error.ToString();

    private static StoredResponse LastResponse(AttemptFeature feature, ForwarderError error)
    {
        var run = feature.Attempt.Run;
        return feature.Outcome is AttemptOutcome.Failed
            ? Problems.ServiceFailed(run, Math.Max(feature.Status, 500), $"The service answered with status {feature.Status}.").ToResponse()
            : ProblemWriter.Describe(run, error, feature.Attempt.Interrupted == AttemptInterrupt.TimedOut).ToResponse();
    }

    private static List<HeaderLine> Trailers(HttpContext context) =>
        context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers is { Count: > 0 } trailers ? HopHeaders.Keep(trailers) : [];
}
