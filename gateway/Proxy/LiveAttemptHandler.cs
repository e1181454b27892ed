using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Telemetry;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Proxy;

/// <summary>
/// The first attempt of a run, with the client on the line. While all goes well this is YARP and a few words in memory; what
/// fails is stored, parked, and answered with a redirect.
/// </summary>
internal sealed class LiveAttemptHandler(
    AttemptRegistry registry, RunEngine engine, RunEndNotifier ended, RunIdFactory ids, LiveResponder answers, AsyncRequestHandler accepted, IdempotentRequestHandler existing, RequestFlow flow,
    TimeProvider time, ILogger<LiveAttemptHandler> log)
{
    private static readonly TimeSpan StoreRetry = TimeSpan.FromMilliseconds(250);

    /// <summary>How long a client waits to be told what became of a write that got no answer.</summary>
    private static readonly TimeSpan UnknownFor = TimeSpan.FromSeconds(5);

    /// <summary>How long the end of a run is said again, while the client has its answer.</summary>
    private static readonly TimeSpan RecordFor = TimeSpan.FromMinutes(10);

    /// <param name="context">The request.</param>
    /// <param name="policy">The policy of its route.</param>
    /// <param name="idempotencyKey">The key that the client sent, if it did.</param>
    /// <param name="next">The rest of YARP's pipeline.</param>
    public async Task InvokeAsync(HttpContext context, RunPolicy policy, string? idempotencyKey, RequestDelegate next)
    {
        Attempt? begun = null;
        using var body = Capture(context, policy, () => begun?.StartClock(time));
        if (PreferHeader.RespondAsync(context.Request.Headers[DurableHeaders.Prefer]) && await TryAcceptAsync(context, policy, body, idempotencyKey)) return;
        var gate = flow.LimitOf(context.Request, policy, context.GetReverseProxyFeature().Route.Config.RouteId);
        using var attempt = begun = Begin(context, policy, body, idempotencyKey, gate);
        using var scope = Tracing.IsEnabled ? log.InRun(attempt.Run) : null;
        var feature = new AttemptFeature(attempt)
        {
            RequestBody = body,
            ClientGone = context.RequestAborted,
            ClientBody = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>(),
        };
        var sent = false;
        try
        {
            if (RequestFlow.IsLimited(policy))
            {
                var turn = await flow.TakeTurnAsync(context.Request, attempt, gate, RunIdFactory.HashOf(context, policy, attempt.Route, idempotencyKey));
                feature.Permit = turn.Permit;
                if (turn.Due is not null)
                {
                    await WaitItsTurnAsync(context, feature, turn, next);
                    return;
                }
            }

            registry.Add(attempt);
            if ((policy.Persist == PersistMode.OnStart || idempotencyKey is not null)
                && !await UnansweredWrites.ResolveAsync(() => engine.EnsureStoredAsync(attempt), time))
            {
                await LiveResponder.OversizedAsync(context, policy, next);
                return;
            }

            sent = true;
            RunTelemetry.Started(attempt);
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
        catch (IdempotencyKeyTakenException e)
        {
            await flow.GiveBackAsync(context.Request, policy, attempt.Route, attempt.Run);
            await AnswerExistingAsync(context, policy, e.Taken, body);
        }
        catch (StoreUnavailableException e)
        {
            log.NotStored(attempt.Run, e.Message);
            if (context.Response.HasStarted)
            {
                CutOff(context, feature);
                return;
            }

            // A run that is stored is taken up when its lease ends, whatever could not be written now.
            if (attempt.IsStored) answers.Redirect(context, feature, engine.LeaseTime);
            else await answers.StoreAwayAsync(context, feature, sent, e);
        }
        catch (Exception e) when (body is { Broken: true } && e is IOException or OperationCanceledException or BadHttpRequestException)
        {
            // The request never arrived whole: it is not a run.
            if (!context.Response.HasStarted) context.Response.StatusCode = StatusCodes.Status400BadRequest;
        }
        finally
        {
            await attempt.CloseAsync();
            feature.Capture?.Dispose();
            if (sent && !attempt.IsSettled) RunTelemetry.Abandoned(attempt);
            registry.Remove(attempt);
            if (feature.Permit is { } permit) await permit.DisposeAsync();
        }
    }

    /// <summary>There is no room for it now: it is stored, its client is told where the result will be, and it starts in its turn.</summary>
    private async Task WaitItsTurnAsync(HttpContext context, AttemptFeature feature, Turn turn, RequestDelegate next)
    {
        var attempt = feature.Attempt;
        using var waiter = ended.Register(attempt.Run);
        if (await flow.StoreAsync(attempt, turn, due => UnansweredWrites.ResolveAsync(() => engine.StoreForLaterAsync(attempt, due), time)))
            await answers.LaterAsync(context, feature, new AttemptEnd(Fate.Parked, turn.Due!.Value), waiter.Ended);
        else await LiveResponder.OversizedAsync(context, attempt.Policy, next);
    }

    private static RequestCapture? Capture(HttpContext context, RunPolicy policy, Action arrived)
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: true }) return null;
        var capture = new RequestCapture(context.Request.Body, policy.MaxRequestBytes, context.Request.ContentLength, arrived)
        {
            RefuseOverflow = policy.OversizedRequests == OversizedRequests.Refuse,
        };
        context.Request.Body = capture;
        return capture;
    }

    private Attempt Begin(HttpContext context, RunPolicy policy, RequestCapture? body, string? idempotencyKey, ConcurrencyLimit? gate)
    {
        var now = time.GetUtcNow();
        var route = context.GetReverseProxyFeature().Route.Config.RouteId;
        var hash = RunIdFactory.HashOf(context, policy, route, idempotencyKey);
        var run = ids.New(now, hash);
        var nonce = Fence.NewNonce();
        var activity = AttemptTracingMiddleware.RequestOf(context);
        var attempt = new Attempt(new AttemptKey(run, 1, engine.Owner, nonce), policy, route, now, time.GetTimestamp(), async cancellation =>
        {
            var bytes = body is null ? ReadOnlyMemory<byte>.Empty : await body.DrainAsync(cancellation);
            if (bytes is not { } whole) return null;
            var request = RequestRecorder.Record(context, activity, whole);
            return new NewRun(run, policy, route, now, request) { Idempotency = RunIdFactory.Mark(hash, request), ConcurrencyLimit = gate, Nonce = nonce };
        })
        {
            Span = AttemptTracingMiddleware.SpanOf(context),
            Request = (context.Request.Method, context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget),
            Timeout = policy.RunTimeout < policy.AttemptTimeout ? policy.RunTimeout : policy.AttemptTimeout,
        };

        // A service that has not been given the whole request yet is not late.
        if (body is null or { IsComplete: true }) attempt.StartClock(time);
        return attempt;
    }

    /// <returns><see langword="false"/> where the request goes on as any other, because it is too large to be stored.</returns>
    private async Task<bool> TryAcceptAsync(HttpContext context, RunPolicy policy, RequestCapture? body, string? idempotencyKey)
    {
        try
        {
            return await accepted.TryAcceptAsync(context, policy, body, idempotencyKey);
        }
        catch (IdempotencyKeyTakenException e)
        {
            await AnswerExistingAsync(context, policy, e.Taken, body);
        }
        catch (StoreUnavailableException e)
        {
            context.Response.AllowOrigin(policy);
            await context.Response.WriteStoreAwayAsync(null, e, "The request was to be stored first, and could not be. ");
        }
        catch (Exception e) when (body is { Broken: true } && e is IOException or OperationCanceledException or BadHttpRequestException)
        {
            if (!context.Response.HasStarted) context.Response.StatusCode = StatusCodes.Status400BadRequest;
        }

        return true;
    }

    /// <summary>The request is taken in whole by now: its key was looked up when it was to be stored.</summary>
    private async Task AnswerExistingAsync(HttpContext context, RunPolicy policy, TakenKey taken, RequestCapture? body)
    {
        var bytes = body is null ? ReadOnlyMemory<byte>.Empty : await body.DrainAsync(context.RequestAborted) ?? default;
        var request = RequestRecorder.Record(context, null, bytes);
        try
        {
            await existing.AnswerAsync(context, policy, taken, IdempotencyMark.FingerprintOf(request.Method, request.RawTarget, bytes.Span));
        }
        catch (StoreUnavailableException e) when (!context.Response.HasStarted)
        {
            context.Response.Clear();
            context.Response.AllowOrigin(policy);
            await context.Response.WriteStoreAwayAsync(taken.Run, $"The run of this key could not be looked up. {e.Detail}");
        }
    }

    private async Task AfterAsync(HttpContext context, AttemptFeature feature, RequestCapture? body)
    {
        var attempt = feature.Attempt;
        var forwarding = context.GetForwarderErrorFeature();
        var error = forwarding?.Error ?? ForwarderError.None;
        if (body is { Broken: true } && !attempt.IsStored) return;
        if (body is { Overflowed: true, RefuseOverflow: true } && !context.Response.HasStarted)
        {
            context.Response.Clear();
            context.Response.AllowOrigin(attempt.Policy);
            await context.Response.WriteProblemAsync(Problems.RequestTooLarge(attempt.Policy.MaxRequestBytes));
            return;
        }

        if (attempt.Interrupted == AttemptInterrupt.ClientGone && error != ForwarderError.ResponseBodyDestination)
        {
            await attempt.CloseAsync();
            if (attempt.IsStored || attempt.MayBeStored) await engine.CancelAsync(attempt.Run, attempt.Policy, "the client left");
            return;
        }

        if (IsAnswered(feature))
        {
            if (feature.Keeper is null || await feature.Keeper.TryCompleteAsync())
            {
                await FinishAsync(context, feature);
                return;
            }

            // As where it happens in the middle of the stream: its client comes back for what another attempt adds.
            error = ForwarderError.ResponseBodyClient;
            if (context.Response.HasStarted) context.Abort();
        }

        feature.Refused = Refused(context, feature);
        var failure = new AttemptFailure(
            Reason(feature, error, forwarding?.Exception), feature.Refused is null && feature.Outcome is AttemptOutcome.Failed ? feature.Status : 0,
            () => LiveResponder.LastResponse(feature, error), feature.RetryAfter,
            Final: attempt.Policy.MaxAttempts == 1 || feature.Refused is not null, Unreachable: ForwardingFailure.IsUnreachable(error, forwarding?.Exception));

        // Heard of from before it can end elsewhere.
        using var waiter = ended.Register(attempt.Run);
        var end = await ParkAsync(feature, failure);

        // The attempt is over. Its client may be held for long after, and the run's next attempt takes a place of its own.
        if (feature.Permit is { } permit) await permit.DisposeAsync();
        if (context.Response.HasStarted) CutOff(context, feature);
        else if (end.Fate == Fate.None) await LiveResponder.AsItIsAsync(context, feature, error);
        else await answers.LaterAsync(context, feature, end, waiter.Ended);
    }

    /// <summary>Says what became of the attempt, again where a write got no answer: all that is said here may be said twice.</summary>
    private async Task<AttemptEnd> ParkAsync(AttemptFeature feature, AttemptFailure failure)
    {
        var attempt = feature.Attempt;
        var began = time.GetTimestamp();
        while (true)
        {
            try
            {
                return attempt.Interrupted switch
                {
                    AttemptInterrupt.Lost => new AttemptEnd(Fate.Lost),
                    AttemptInterrupt.Shutdown => await engine.HandBackAsync(attempt),
                    _ when feature is { IsSuppressed: true, Outcome: AttemptOutcome.Completed or AttemptOutcome.FailedForGood } => new AttemptEnd(Fate.Lost),
                    _ when feature.Outcome == AttemptOutcome.Suspended => await engine.SuspendAsync(attempt),
                    _ => await engine.FailAsync(attempt, failure),
                };
            }
            catch (StoreUnavailableException e) when ((e.MayHaveHappened || attempt.MayBeStored) && !attempt.IsStored && time.GetElapsedTime(began) < UnknownFor)
            {
                log.WriteRetried(attempt.Run, attempt.Key.Number, e.Message);
                await Task.Delay(StoreRetry, time);
            }
        }
    }

    /// <summary>
    /// The service sent its response to the end. Whether the client took it is no matter, and neither is what went wrong with the request's
    /// body after that (a service may answer before it has read it all).
    /// </summary>
    private static bool IsAnswered(AttemptFeature feature) =>
        feature is { IsSuppressed: false, IsWhole: true, Outcome: AttemptOutcome.Completed or AttemptOutcome.FailedForGood }
        && feature.Attempt.Interrupted != AttemptInterrupt.Lost;

    /// <summary>
    /// The run of a client that has its answer, but for its last bytes, ends with it. The bytes follow when the store has it, or when
    /// the store is away and this node surely holds the run; a client whose run is somebody else's by now is cut off.
    /// </summary>
    private async Task FinishAsync(HttpContext context, AttemptFeature feature)
    {
        var attempt = feature.Attempt;
        await attempt.CloseAsync();
        var state = feature.Outcome == AttemptOutcome.Completed ? RunState.Completed : RunState.Failed;
        if (!attempt.IsStored && !attempt.MayBeStored)
        {
            engine.EndUnstored(attempt, state, feature.Status);
            return;
        }

        await RecordAsync(context, feature, state);
    }

    /// <summary>Says how the run ended, again while the store is away.</summary>
    private async Task RecordAsync(HttpContext context, AttemptFeature feature, RunState state)
    {
        var attempt = feature.Attempt;
        var began = time.GetTimestamp();
        var completing = Task.CompletedTask;
        try
        {
            while (!await TryRecordAsync(context, feature, state, began))
            {
                if (!feature.IsReleased && engine.HoldsLease(attempt))
                {
                    await ReleaseAsync(context, feature);

                    // A client that does not read on does not keep the end from being recorded.
                    completing = CompleteAsync(context, feature);
                }

                await Task.Delay(StoreRetry, time);
            }
        }
        finally
        {
            await completing;
        }
    }

    /// <returns><see langword="false"/> where the store is away, and is to be told again.</returns>
    private async Task<bool> TryRecordAsync(HttpContext context, AttemptFeature feature, RunState state, long began)
    {
        var attempt = feature.Attempt;
        try
        {
            var isEnded = await engine.RepeatStoreAsync(attempt)
                && (await engine.EndAsync(attempt, state, await ResultAsync(context, feature), feature.IsFinalAnswer)).Fate == Fate.Ended;
            if (isEnded) await ReleaseAsync(context, feature);
            else CutOff(context, feature);
            return true;
        }
        catch (StoreUnavailableException e) when (time.GetElapsedTime(began) < RecordFor)
        {
            log.WriteRetried(attempt.Run, attempt.Key.Number, e.Message);
            return false;
        }
    }

    /// <summary>Another attempt may have another result by now: the client is not to take what it has for the whole of it.</summary>
    private static void CutOff(HttpContext context, AttemptFeature feature)
    {
        if (feature.HoldsEnd) context.Abort();
    }

    /// <summary>Ends the response while its request goes on: the last chunk, or the trailers.</summary>
    private static async Task CompleteAsync(HttpContext context, AttemptFeature feature)
    {
        try
        {
            await Http1TrailerTransforms.EndAsync(context);
            await feature.ClientBody!.CompleteAsync();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The client has gone.
        }
    }

    private static async Task<StoredResponse> ResultAsync(HttpContext context, AttemptFeature feature) => feature switch
    {
        { Keeper: { } keeper } => new StoredResponse(feature.Status, feature.ResponseHeaders, await keeper.ReadAsync(), Trailers(context)),
        { Capture: null } => Problems.ResultNotKept(feature.Attempt.Run).ToResponse(),
        { Capture.Overflowed: true } => Problems.ResponseTooLarge(feature.Attempt.Run, feature.Attempt.Policy.MaxResponseBytes).ToResponse(),
        { Capture: var capture } => new StoredResponse(feature.Status, feature.ResponseHeaders, capture.Body, Trailers(context)),
    };

    private static Task ReleaseAsync(HttpContext context, AttemptFeature feature)
    {
        feature.IsReleased = true;
        return feature.Capture?.ReleaseAsync(context.RequestAborted) ?? Task.CompletedTask;
    }

    /// <summary>What another attempt would get again.</summary>
    private static Problem? Refused(HttpContext context, AttemptFeature feature)
    {
        var attempt = feature.Attempt;
        return feature.Capture is { Overflowed: true } && attempt.Interrupted == AttemptInterrupt.ResponseTooLarge
            ? Problems.ResponseTooLarge(attempt.Run, attempt.Policy.MaxResponseBytes)
            : ResponseHeaderLimit.TooLarge(context, attempt.Run);
    }

    private static string Reason(AttemptFeature feature, ForwarderError error, Exception? exception) =>
        feature.Refused is { } problem ? problem.Title
        : feature.Attempt.Interrupted == AttemptInterrupt.TimedOut ? "timed out"
        : feature.Outcome is AttemptOutcome.Failed ? $"status {feature.Status}"
        : ForwardingFailure.Explain(error, exception);

    private static List<HeaderLine> Trailers(HttpContext context) =>
        context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers is { Count: > 0 } trailers ? HopByHopHeaders.Keep(trailers) : [];
}
