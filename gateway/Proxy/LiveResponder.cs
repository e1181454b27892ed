using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Results;
using DurableGateway.Runs;
using DurableGateway.Telemetry;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Proxy;

/// <summary>What the client of a live attempt is told where it does not get the service's response (§5).</summary>
internal sealed class LiveResponder(IRunStore store, ResultUrlFactory results, IHostApplicationLifetime lifetime, TimeProvider time)
{
    /// <summary>What is said of a request that is stored before it is sent, and of which the store has not said whether it is.</summary>
    public const string InDoubt = $"The store has not confirmed that the request is stored. {DurableHeaders.Result} tells: "
        + "where there is a run, it is executed. "
        + "The same request with the same Idempotency-Key is the same run; without a key it is another one.";

    /// <summary>The result, where it comes within the time that the client is held; else the way to it.</summary>
    public async Task LaterAsync(HttpContext context, AttemptFeature feature, AttemptEnd end, Task hasEnded)
    {
        var attempt = feature.Attempt;
        context.Response.Clear();
        var hold = attempt.Policy.HoldClientFor;
        if (PreferHeader.Wait(context.Request.Headers[DurableHeaders.Prefer]) is { } wait && wait < hold) hold = wait;
        hold -= time.GetElapsedTime(attempt.Began);
        if (end.Fate != Fate.Ended && hold > TimeSpan.Zero)
        {
            using var over = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
            await Task.WhenAny(hasEnded, Task.Delay(hold, time, over.Token));
            await over.CancelAsync();
        }

        if ((end.Fate == Fate.Ended || attempt.Policy.HoldClientFor > TimeSpan.Zero) && await store.GetSnapshotAsync(attempt.Run) is
            { State: RunState.Completed or RunState.Failed } snapshot
            && await store.GetResultAsync(attempt.Run) is { } result)
        {
            await StoredResponseWriter.WriteAsync(context, attempt.Run, result, snapshot.State);
            return;
        }

        Redirect(context, feature, end.Due - time.GetUtcNow());
    }

    /// <summary><c>303</c> to the result URL.</summary>
    public void Redirect(HttpContext context, AttemptFeature feature, TimeSpan retryAfter)
    {
        var response = context.Response;
        response.Clear();
        response.Headers[DurableHeaders.RunId] = feature.Attempt.Run.ToString();
        response.AllowOrigin(feature.Attempt.Policy);
        RunTelemetry.Redirected(feature.Attempt);
        results.Redirect(context, feature.Attempt.Policy, feature.Attempt.Run,
            feature.Attempt.StartedAt + feature.Attempt.Policy.Lifetime, retryAfter);
    }

    /// <summary>The request cannot be replayed (its body is too large), so the failure is the client's.</summary>
    public static Task AsItIsAsync(HttpContext context, AttemptFeature feature, ForwarderError error)
    {
        context.Response.Clear();
        NotDurable.Mark(context);
        var failed = LastResponse(feature, error);
        return StoredResponseWriter.WriteBodyAsync(context, failed);
    }

    /// <summary>No redirect is given for a run that is not stored. One of which that is not known gets the URL as a hint.</summary>
    /// <param name="context">The request.</param>
    /// <param name="feature">Its attempt.</param>
    /// <param name="sent">Whether the service has had the request.</param>
    /// <param name="error">Why it is not stored.</param>
    public Task StoreAwayAsync(HttpContext context, AttemptFeature feature, bool sent, StoreUnavailableException error)
    {
        var attempt = feature.Attempt;
        context.Response.Clear();
        context.Response.AllowOrigin(attempt.Policy);
        context.Response.Headers[DurableHeaders.RunId] = attempt.Run.ToString();
        if (attempt.MayBeStored) context.Response.Headers[DurableHeaders.Result] = results.For(attempt);
        else NotDurable.Mark(context);
        if (!sent)
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

    /// <summary>What becomes the result of a run whose last attempt this was.</summary>
    public static StoredResponse LastResponse(AttemptFeature feature, ForwarderError error)
    {
        var run = feature.Attempt.Run;
        if (feature.Refused is { } problem) return problem.ToResponse();
        return feature.Outcome is AttemptOutcome.Failed
            ? Problems.ServiceFailed(run, Math.Max(feature.Status, 500), $"The service answered with status {feature.Status}.").ToResponse()
            : ProblemWriter.Describe(run, error, feature.Attempt.Interrupted == AttemptInterrupt.TimedOut).ToResponse();
    }
}
