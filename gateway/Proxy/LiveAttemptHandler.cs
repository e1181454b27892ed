using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;

namespace DurableGateway.Proxy;

/// <summary>
/// Handles the first attempt of a run while its client waits. A request that succeeds costs little more than YARP alone. A request that
/// fails is stored and parked, and the client gets a redirect.
/// </summary>
internal sealed class LiveAttemptHandler(
    AttemptRegistry registry, RunEngine engine, RequestDrafts drafts, RequestFlow flow,
    AsyncRequestHandler accepted, LiveResponses responses,
    LiveResponder answers, TimeProvider time, ILogger<LiveAttemptHandler> log)
{
    /// <summary>How long a client waits at least for the calls of a failed attempt.</summary>
    private static readonly TimeSpan ForCalls = TimeSpan.FromSeconds(1);

    /// <param name="context">The request.</param>
    /// <param name="policy">The policy of its route.</param>
    /// <param name="idempotencyKey">The key that the client sent, or <see langword="null"/>.</param>
    /// <param name="next">The rest of YARP's pipeline.</param>
    public async Task InvokeAsync(HttpContext context, RunPolicy policy, string? idempotencyKey, RequestDelegate next)
    {
        using var body = Capture(context, policy);
        if (PreferHeader.RespondAsync(context.Request.Headers[DurableHeaders.Prefer])
            && await accepted.TryAcceptAsync(context, policy, body, idempotencyKey)) return;
        var draft = drafts.Begin(context, policy, body, idempotencyKey, Fence.NewNonce());
        using var attempt = Begin(context, draft, body);
        using var scope = Tracing.IsEnabled ? log.InRun(attempt.Run) : null;
        var feature = new AttemptFeature(attempt)
        {
            RequestBody = body,
            ClientGone = context.RequestAborted,
            ClientBody = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>(),
        };
        try
        {
            if (RequestFlow.IsLimited(policy) && await TryQueueAsync(context, feature, draft, next)) return;
            registry.Add(attempt);
            if ((policy.Persist == PersistMode.OnStart || idempotencyKey is not null)
                && !await StoreFirstAsync(attempt))
            {
                await LiveResponder.OversizedAsync(context, policy, next);
                return;
            }

            // The run goes on without its client, and does not go on past its time.
            BeginToSend(context, feature);
            using var timeout = context.Features.Get<IHttpRequestTimeoutFeature>()?.RequestTimeoutToken
                .UnsafeRegister(static state => ((Attempt)state!).Interrupt(AttemptInterrupt.TimedOut), attempt);
            await next(context);
            timeout?.Dispose();
            context.RequestAborted = feature.ClientGone;
            await SettleAsync(context, feature);
        }
        catch (IdempotencyKeyTakenException e)
        {
            await flow.GiveBackAsync(context.Request, policy, attempt.Route, attempt.Run);
            await answers.ExistingAsync(context, policy, e.Taken, body);
        }
        catch (StoreUnavailableException e)
        {
            log.NotStored(attempt.Run, e.Message);

            // A write in progress decides what the client is told.
            await attempt.CloseAsync();
            feature.Capture?.Replace();
            if (context.Response.HasStarted) LiveResponses.CutOff(context, feature);

            // A stored run is claimed when its lease ends, even if this write failed.
            else if (attempt.IsStored) answers.Redirect(context, feature, engine.LeaseTime);
            else await answers.StoreAwayAsync(context, feature, e);
        }
        catch (Exception e) when (body is { Broken: true } && e is IOException or OperationCanceledException or BadHttpRequestException)
        {
            // The request never arrived whole, so it is not a run.
            if (!context.Response.HasStarted) context.Response.StatusCode = StatusCodes.Status400BadRequest;
        }
        finally
        {
            await attempt.CloseAsync();
            feature.Capture?.Dispose();
            if (feature.IsSent) engine.Leave(attempt);
            registry.Remove(attempt);
            if (feature.Permit is { } permit) await permit.DisposeAsync();
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

    private Attempt Begin(HttpContext context, RequestDraft draft, RequestCapture? body)
    {
        var policy = draft.Policy;
        var key = new AttemptKey(draft.Run, 1, engine.Owner, draft.Nonce);
        var attempt = new Attempt(key, policy, draft.Route, draft.StartedAt, draft, time)
        {
            Span = AttemptTracingMiddleware.SpanOf(context),
            Request = (context.Request.Method, context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget),
            Timeout = policy.RunTimeout < policy.AttemptTimeout ? policy.RunTimeout : policy.AttemptTimeout,
        };

        // The timeout starts when the service can have the whole request.
        if (body is null or { IsComplete: true }) attempt.StartClock();
        else body.Arrived = attempt.StartClock;
        return attempt;
    }

    /// <summary>
    /// Stores the request if a limit has no place for it now. The client gets the result URL, and the run starts in its turn.
    /// </summary>
    /// <returns><see langword="false"/> if the request can be sent now.</returns>
    private async Task<bool> TryQueueAsync(HttpContext context, AttemptFeature feature, RequestDraft draft, RequestDelegate next)
    {
        var attempt = feature.Attempt;
        var turn = await flow.TakeTurnAsync(context.Request, attempt, draft.ConcurrencyLimit, draft.KeyHash);
        feature.Permit = turn.Permit;
        if (turn.Due is not { } due) return false;
        using var waiter = answers.Watch(attempt);
        if (await flow.StoreAsync(attempt, turn, () => StoreRetry.ResolveAsync(() => engine.StoreForLaterAsync(attempt, due), time)))
            await answers.LaterAsync(context, feature, new AttemptEnd(AttemptState.Parked, due), waiter);
        else
            await LiveResponder.OversizedAsync(context, attempt.Policy, next);
        return true;
    }

    private Task<bool> StoreFirstAsync(Attempt attempt) => StoreRetry.ResolveAsync(() => engine.EnsureStoredAsync(attempt), time);

    private void BeginToSend(HttpContext context, AttemptFeature feature)
    {
        feature.IsSent = true;
        engine.Begin(feature.Attempt);
        context.Features.Set(feature);
        context.Response.Headers[DurableHeaders.RunId] = feature.Attempt.RunText;
        context.RequestAborted = feature.Attempt.Aborted;
    }

    private async Task SettleAsync(HttpContext context, AttemptFeature feature)
    {
        var review = await AttemptReview.OfAsync(context, feature);
        await (review.Evidence.Decide() switch
        {
            Disposition.Discard => Task.CompletedTask,
            Disposition.RefuseRequest => LiveResponder.RefuseAsync(context, feature.Attempt.Policy),
            Disposition.Cancel => CancelAsync(feature.Attempt),
            Disposition.Complete or Disposition.EndWithResponse => responses.FinishAsync(context, feature, review),
            _ => ParkAsync(context, feature, review),
        });
    }

    private async Task ParkAsync(HttpContext context, AttemptFeature feature, AttemptReview review)
    {
        var attempt = feature.Attempt;
        var calls = attempt.EndCallsAsync();
        var areOver = calls.IsCompleted || await AreOverAsync();

        // A client that resumes the stream gets what the next attempt adds.
        if (feature is { Keeper: not null, IsWhole: true } && context.Response.HasStarted) context.Abort();

        // Registered before the run can end on another node.
        using var waiter = answers.Watch(attempt);
        var isRedirected = false;
        if (!areOver && attempt.IsStored) await RedirectAsync();
        await calls;
        var end = await ParkAsync(attempt, review, RedirectAsync);

        // The attempt is over. The client may be held for long after that, and the run's next attempt takes its own permit.
        if (feature.Permit is { } permit) await permit.DisposeAsync();
        if (isRedirected) return;
        if (context.Response.HasStarted)
        {
            LiveResponses.CutOff(context, feature);
            return;
        }

        feature.Capture?.Replace();
        if (end.State == AttemptState.Unstorable) await LiveResponder.AsItIsAsync(context, review);
        else await answers.LaterAsync(context, feature, end, waiter);

        // A redirect before the end of the calls also ends the client's connection, so the calls have a moment.
        async Task<bool> AreOverAsync()
        {
            var hold = answers.HoldOf(context, attempt);
            try
            {
                await calls.WaitAsync(hold > ForCalls ? hold : ForCalls, time);
                return true;
            }
            catch (TimeoutException)
            {
                return false;
            }
        }

        // The client does not wait for the store, nor for a call of the service that hangs.
        async Task RedirectAsync()
        {
            if (context.Response.HasStarted) return;
            isRedirected = true;
            feature.Capture?.Replace();
            answers.Redirect(context, feature, engine.LeaseTime);

            // The server reads no further request of this connection before the attempt is over.
            if (HttpProtocol.IsHttp11(context.Request.Protocol)) context.Response.Headers.Connection = "close";
            await feature.ClientBody!.CompleteAsync();
        }
    }

    /// <summary>The client of a long-lived request has left, and no one else needs its result.</summary>
    private async Task CancelAsync(Attempt attempt)
    {
        await attempt.CloseAsync();
        var mayBeStored = attempt.MayBeStored;
        engine.Leave(attempt);
        if (mayBeStored) await engine.CancelAsync(attempt.Run, attempt.Policy, "the client left");
    }

    /// <summary>
    /// Stores how the attempt ended. If the run is certainly stored, the write is repeated for as long as that of any end, while the
    /// attempt renews the lease: without it another attempt would be made, even after the last one. The client is redirected meanwhile. If
    /// the run may be stored, the write is repeated for as long as a client waits.
    /// </summary>
    private async Task<AttemptEnd> ParkAsync(Attempt attempt, AttemptReview review, Func<Task> redirectAsync)
    {
        var began = time.GetTimestamp();
        return await StoreRetry.RepeatAsync(
            () => engine.SettleAsync(attempt, review.Evidence, review.Report), time, StoreRetry.ForEndOfAttempt,
            goOn: error => attempt.IsStored
                || ((error.MayHaveHappened || attempt.MayBeStored) && time.GetElapsedTime(began) < StoreRetry.ForAnswer),
            between: error =>
            {
                log.WriteRetried(attempt.Run, attempt.Key.Number, error.Message);
                return attempt.IsStored ? redirectAsync() : Task.CompletedTask;
            });
    }
}
