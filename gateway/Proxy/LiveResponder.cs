using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Results;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>What the client of a live attempt is told where it does not get the service's response (§5).</summary>
internal sealed class LiveResponder(
    IRunStore store, RunEvents events, RunEndNotifier ended, IdempotentRequestHandler existing, ResultUrlFactory results, TimeProvider time)
{
    /// <summary>What is said of a request that is stored before it is sent, and of which the store has not said whether it is.</summary>
    public const string InDoubt = $"The store has not confirmed that the request is stored. {DurableHeaders.Result} tells: "
        + "where there is a run, it is executed. "
        + "The same request with the same Idempotency-Key is the same run; without a key it is another one.";

    /// <summary>Has the end of a run heard of from now on.</summary>
    public RunEndNotifier.Registration Watch(Attempt attempt) => ended.Register(attempt.Run);

    /// <summary>The result, where it comes within the time that the client is held; else the way to it.</summary>
    public async Task LaterAsync(HttpContext context, AttemptFeature feature, AttemptEnd end, RunEndNotifier.Registration waiter)
    {
        var attempt = feature.Attempt;
        context.Response.Clear();
        if (end.State != AttemptState.Ended)
        {
            var hold = attempt.Policy.HoldClientFor;
            if (PreferHeader.Wait(context.Request.Headers[DurableHeaders.Prefer]) is { } wait && wait < hold) hold = wait;
            await waiter.WaitAsync(hold - time.GetElapsedTime(attempt.Began), context.RequestAborted)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if ((end.State == AttemptState.Ended || attempt.Policy.HoldClientFor > TimeSpan.Zero)
            && await FindResultAsync(attempt.Run) is { } found)
            await StoredResponseWriter.WriteAsync(context, attempt.Run, found.Result, found.State);
        else
            Redirect(context, feature, end.Due - time.GetUtcNow());
    }

    /// <summary>The request's idempotency key stands for another run.</summary>
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

    /// <summary>The request cannot be replayed (its body is too large), so the failure is the client's.</summary>
    public static Task AsItIsAsync(HttpContext context, AttemptReview review)
    {
        context.Response.Clear();
        NotDurable.Mark(context);
        return StoredResponseWriter.WriteBodyAsync(context, review.LastResponse);
    }

    /// <summary>The request turned out larger than the route takes.</summary>
    public static Task RefuseAsync(HttpContext context, RunPolicy policy)
    {
        context.Response.Clear();
        context.Response.AllowOrigin(policy);
        return context.Response.WriteProblemAsync(Problems.RequestTooLarge(policy.MaxRequestBytes));
    }

    /// <summary>No redirect is given for a run that is not stored. One of which that is not known gets the URL as a hint.</summary>
    /// <param name="context">The request.</param>
    /// <param name="feature">Its attempt.</param>
    /// <param name="error">Why it is not stored.</param>
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
            const string NotExecuted = "The request is stored before it is sent, and could not be: it was not executed.";
            return attempt.MayBeStored ? context.Response.WriteStoreAwayAsync(attempt.Run, InDoubt)
                : error.IsFull ? context.Response.WriteStoreAwayAsync(attempt.Run, error, NotExecuted + " ")
                : context.Response.WriteStoreAwayAsync(attempt.Run, NotExecuted);
        }

        var said = feature.Status > 0 ? $"The service failed with status {feature.Status}" : "The service gave no answer";
        var then = attempt.MayBeStored
            ? $"and the store has not confirmed that the run is kept for a retry; {DurableHeaders.Result} will tell."
            : "and the run could not be stored for a retry.";
        return error.IsFull && !attempt.MayBeStored ? context.Response.WriteStoreAwayAsync(attempt.Run, error, $"{said}, {then} ")
            : context.Response.WriteProblemAsync(Problems.StoreUnavailable(attempt.Run, $"{said}, {then}"));
    }

    /// <summary>A body with no length that turned out too large to be stored before it is sent.</summary>
    public static Task OversizedAsync(HttpContext context, RunPolicy policy, RequestDelegate next)
    {
        if (policy.OversizedRequests == OversizedRequests.Refuse)
            return context.Response.WriteProblemAsync(Problems.RequestTooLarge(policy.MaxRequestBytes));
        NotDurable.Mark(context);
        return next(context);
    }

    /// <summary>The result of a run that has one. Where the store is away just now, the client asks for it at the result URL.</summary>
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
