using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Results;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>Answers the client of a live attempt that does not get the service's response (§5).</summary>
internal sealed class LiveResponder(
    IRunStore store, RunEvents events, RunEndNotifier ended, IdempotentRequestHandler existing, ResultUrlFactory results, TimeProvider time)
{
    /// <summary>The detail for a request that is stored before it is sent, if the store has not confirmed the write.</summary>
    public const string InDoubt = $"The store has not confirmed that the request is stored. {DurableHeaders.Result} shows whether it is: "
        + "if there is a run, it will be executed. "
        + "Repeat the request with the same Idempotency-Key to get the same run. Without a key, it starts another one.";

    /// <summary>Registers for the end of the run.</summary>
    public RunEndNotifier.Registration Watch(Attempt attempt) => ended.Register(attempt.Run);

    /// <summary>Writes the result if it is available within the time for which the client is held, otherwise a redirect to it.</summary>
    public async Task LaterAsync(HttpContext context, AttemptFeature feature, AttemptEnd end, RunEndNotifier.Registration waiter)
    {
        var attempt = feature.Attempt;
        context.Response.Clear();
        if (end.State != AttemptState.Ended)
        {
            await waiter.WaitAsync(HoldOf(context, attempt), context.RequestAborted)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if ((end.State == AttemptState.Ended || attempt.Policy.HoldClientFor > TimeSpan.Zero)
            && await FindResultAsync(attempt.Run) is { } found)
            await StoredResponseWriter.WriteAsync(context, attempt.Run, found.Result, found.State);
        else
            Redirect(context, feature, end.Due - time.GetUtcNow());
    }

    /// <summary>How long the client still waits for the result.</summary>
    public TimeSpan HoldOf(HttpContext context, Attempt attempt)
    {
        var hold = attempt.Policy.HoldClientFor;
        if (PreferHeader.Wait(context.Request.Headers[DurableHeaders.Prefer]) is { } wait && wait < hold) hold = wait;
        return hold - time.GetElapsedTime(attempt.Began);
    }

    /// <summary>Answers a request whose idempotency key belongs to another run.</summary>
    public Task ExistingAsync(HttpContext context, RunPolicy policy, TakenKey taken, RequestCapture? body) =>
        existing.AnswerAsync(context, policy, taken, body);

    /// <summary><c>303</c> to the result URL.</summary>
    public void Redirect(HttpContext context, AttemptFeature feature, TimeSpan retryAfter)
    {
        var response = context.Response;
        response.Clear();
        response.Headers[DurableHeaders.RunId] = feature.Attempt.Run.ToString();
        response.AllowOrigin(feature.Attempt.Policy);
        events.ClientRedirected(feature.Attempt);
        results.Redirect(context, feature.Attempt.Policy, feature.Attempt.Run,
            feature.Attempt.StartedAt + feature.Attempt.Policy.Lifetime, retryAfter);
    }

    /// <summary>Writes the service's failure, because the request is too large to be replayed.</summary>
    public static Task AsItIsAsync(HttpContext context, AttemptReview review)
    {
        context.Response.Clear();
        NotDurable.Mark(context);
        return StoredResponseWriter.WriteBodyAsync(context, review.LastResponse);
    }

    /// <summary>Refuses a request that exceeds the route's limit.</summary>
    public static Task RefuseAsync(HttpContext context, RunPolicy policy)
    {
        context.Response.Clear();
        context.Response.AllowOrigin(policy);
        return context.Response.WriteProblemAsync(Problems.RequestTooLarge(policy.MaxRequestBytes));
    }

    /// <summary>
    /// Reports that the run could not be stored. There is no redirect: the run may not exist. If it may exist, the response names the
    /// result URL.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="feature">Its attempt.</param>
    /// <param name="error">Why the run is not stored.</param>
    public Task StoreAwayAsync(HttpContext context, AttemptFeature feature, StoreUnavailableException error)
    {
        var attempt = feature.Attempt;
        context.Response.Clear();
        context.Response.AllowOrigin(attempt.Policy);
        context.Response.Headers[DurableHeaders.RunId] = attempt.Run.ToString();
        if (attempt.MayBeStored) context.Response.Headers[DurableHeaders.Result] = results.For(attempt);
        else NotDurable.Mark(context);
        if (!feature.IsSent)
        {
            const string NotExecuted = "The request must be stored before it is sent, and could not be stored. It was not executed.";
            return attempt.MayBeStored ? context.Response.WriteStoreAwayAsync(attempt.Run, InDoubt)
                : error.IsFull ? context.Response.WriteStoreAwayAsync(attempt.Run, error, NotExecuted + " ")
                : context.Response.WriteStoreAwayAsync(attempt.Run, NotExecuted);
        }

        var said = feature.Status > 0 ? $"The service failed with status {feature.Status}" : "The service did not answer";
        var then = attempt.MayBeStored
            ? $"and the store has not confirmed that the run is stored for a retry. {DurableHeaders.Result} shows whether it is."
            : "and the run could not be stored for a retry.";
        return error.IsFull && !attempt.MayBeStored ? context.Response.WriteStoreAwayAsync(attempt.Run, error, $"{said}, {then} ")
            : context.Response.WriteProblemAsync(Problems.StoreUnavailable(attempt.Run, $"{said}, {then}"));
    }

    /// <summary>Handles a body of unknown length that is too large to be stored before it is sent.</summary>
    public static Task OversizedAsync(HttpContext context, RunPolicy policy, RequestDelegate next)
    {
        if (policy.OversizedRequests == OversizedRequests.Refuse)
            return context.Response.WriteProblemAsync(Problems.RequestTooLarge(policy.MaxRequestBytes));
        NotDurable.Mark(context);
        return next(context);
    }

    /// <summary>The result of a run that has one. If the store is unavailable, the client asks for it at the result URL.</summary>
    private async Task<(StoredResponse Result, RunState State)?> FindResultAsync(RunId run)
    {
        try
        {
            return await store.GetSnapshotAsync(run) is { State: RunState.Completed or RunState.Failed } snapshot
                && await store.GetResultAsync(run) is { } result ? (result, snapshot.State) : null;
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }
}
