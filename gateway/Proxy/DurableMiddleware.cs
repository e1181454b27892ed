using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Listeners;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Proxy;

/// <summary>
/// The outermost part of YARP's pipeline. It separates durable requests from others, and sends a durable request as a live attempt
/// (<see cref="LiveAttemptHandler"/>).
/// </summary>
internal sealed class DurableMiddleware(RequestDelegate next, PolicyRegistry policies, IStoreReadiness store, LiveAttemptHandler live,
    AsyncRequestHandler accepted, ServiceBuildTracker builds, IRequestObserver observer, TimeProvider time,
    ILogger<DurableMiddleware> log)
{
    public Task InvokeAsync(HttpContext context) =>
        !SyntheticHttpContext.Is(context) ? LiveAsync(context)
        : context.Features.Get<AttemptFeature>() is { } feature ? ReplayedAsync(context, feature.Attempt)
        : InvokedAsync(context, context.Features.GetRequiredFeature<Invocation>());

    /// <summary>A replay comes down the same road; whoever sent it reads the outcome.</summary>
    private Task ReplayedAsync(HttpContext context, Attempt attempt)
    {
        if (LongLivedRequest.Begins(context) || LongLivedRequest.Subscribes(context)) LongLivedRequest.AllowSilence(context);
        builds.Pin(context, attempt);
        return next(context);
    }

    private async Task LiveAsync(HttpContext context)
    {
        var route = context.GetReverseProxyFeature().Route;
        observer.RequestBegan(route.Config.RouteId);
        var began = time.GetTimestamp();
        var isLongLived = LongLivedRequest.Begins(context);
        if (isLongLived || LongLivedRequest.Subscribes(context)) LongLivedRequest.AllowSilence(context);
        if (HttpMethods.IsConnect(context.Request.Method) && !isLongLived)
        {
            await context.Response.WriteProblemAsync(Problems.BadRequest(StatusCodes.Status501NotImplemented,
                "This is a reverse proxy: it opens no tunnels."));
        }
        else if (!isLongLived && policies.For(route) is { } policy)
        {
            await DurableAsync(context, policy);
        }
        else
        {
            await next(context);
            if (!IsForwarded(context)) await AnswerAsync(context);
        }

        await Http1TrailerTransforms.EndAsync(context);
        observer.RequestEnded(route.Config.RouteId, context.Response, time.GetElapsedTime(began));
    }

    /// <summary>A step of another run wants this request made: it is stored, and due at once.</summary>
    private Task InvokedAsync(HttpContext context, Invocation invocation)
    {
        if (HttpMethods.IsConnect(context.Request.Method)
            || policies.For(context.GetReverseProxyFeature().Route) is not { } policy) return Task.CompletedTask;
        invocation.Policy = policy;
        return invocation.Body.Length > policy.MaxRequestBytes || invocation.OnlyLook
            ? Task.CompletedTask
            : accepted.AcceptAsync(context, policy, invocation);
    }

    private Task DurableAsync(HttpContext context, RunPolicy policy)
    {
        if (context.Request.ContentLength > policy.MaxRequestBytes)
        {
            return policy.OversizedRequests == OversizedRequests.Refuse
                ? RefuseAsync(context, policy, Problems.RequestTooLarge(policy.MaxRequestBytes))
                : NotDurableAsync(context);
        }

        var headers = context.Request.Headers;
        var key = IdempotencyKeyHeader.Read(headers[DurableHeaders.IdempotencyKey], out var wrong);
        if (wrong is not null) return RefuseAsync(context, policy, Problems.IdempotencyKeyMalformed(wrong));
        if (store.IsReady) return live.InvokeAsync(context, policy, key, next);

        // A client that sends a key or asks not to wait relies on the store. So does a policy that stores every request.
        return policy.Persist == PersistMode.OnStart || key is not null || PreferHeader.RespondAsync(headers[DurableHeaders.Prefer])
            ? StoreAwayAsync(context, policy)
            : NotDurableAsync(context);
    }

    private static Task RefuseAsync(HttpContext context, RunPolicy policy, Problem problem)
    {
        context.Response.AllowOrigin(policy);
        return context.Response.WriteProblemAsync(problem);
    }

    private static Task StoreAwayAsync(HttpContext context, RunPolicy policy)
    {
        context.Response.AllowOrigin(policy);
        return context.Response.WriteStoreAwayAsync(null, "This request must be stored before it is sent, and the store is unavailable.");
    }

    private async Task NotDurableAsync(HttpContext context)
    {
        NotDurable.Mark(context);
        await next(context);
        if (!IsForwarded(context)) await AnswerAsync(context);
    }

    /// <summary>The client has what the service said, and nothing went wrong. So it is nearly always.</summary>
    private static bool IsForwarded(HttpContext context) =>
        context.Response.HasStarted && context.GetForwarderErrorFeature() is null;

    private async Task AnswerAsync(HttpContext context)
    {
        // The forwarder clears what was there when it fails.
        if (!context.Response.HasStarted) NotDurable.MarkAgain(context);
        if (context.GetForwarderErrorFeature() is not { Error: not ForwarderError.None } error
            || context.RequestAborted.IsCancellationRequested) return;
        if (DestinationRefusedException.In(error.Exception) is { } refused && !context.Response.HasStarted)
        {
            log.DestinationRefused(context.Request.Host.Value ?? "", refused.Message);
            await context.Response.WriteProblemAsync(Problems.DestinationRefused(refused.Message));
            return;
        }

        if (error.Error is ForwarderError.Request or ForwarderError.RequestTimedOut or ForwarderError.NoAvailableDestinations
            or ForwarderError.RequestBodyDestination or ForwarderError.ResponseBodyDestination) Explain(context, error);
        if (!context.Response.HasStarted && context.Response.StatusCode >= 500)
        {
            await context.Response.WriteProblemAsync(ResponseHeaderLimit.TooLarge(context, null)
                ?? ProblemWriter.Describe(null, error.Error, timedOut: false) with { Status = context.Response.StatusCode });
        }
    }

    private void Explain(HttpContext context, IForwarderErrorFeature error)
    {
        var proxied = context.GetReverseProxyFeature();
        log.NotForwarded(proxied.Route.Config.RouteId, ForwardingFailure.Explain(error.Error, error.Exception), RequestLine.Of(
            context.Request.Method, context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            proxied.ProxiedDestination?.Model.Config.Address));
    }
}
