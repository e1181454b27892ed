using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Proxy;

/// <summary>
/// The outermost part of YARP's pipeline. It tells durable requests from others, and sends a durable request on as a
/// live attempt (<see cref="LiveAttemptHandler"/>).
/// </summary>
internal sealed class DurableMiddleware(RequestDelegate next, PolicyRegistry policies, IStoreReadiness store, LiveAttemptHandler live,
    AsyncRequestHandler accepted, ILogger<DurableMiddleware> log)
{
    public Task InvokeAsync(HttpContext context) =>
        context.Features.Get<AttemptFeature>() is not null ? ReplayedAsync(context) : LiveAsync(context);

    /// <summary>A replay comes down the same road; whoever sent it reads the outcome.</summary>
    private Task ReplayedAsync(HttpContext context)
    {
        LongLivedRequest.AllowSilence(context);
        return next(context);
    }

    private async Task LiveAsync(HttpContext context)
    {
        if (HttpMethods.IsConnect(context.Request.Method)
            && context.Features.Get<IHttpExtendedConnectFeature>() is not { IsExtendedConnect: true })
        {
            await context.Response.WriteProblemAsync(Problems.BadRequest(StatusCodes.Status501NotImplemented,
                "This is a reverse proxy: it opens no tunnels."));
            return;
        }

        HopByHopHeaders.RemoveDurable(context.Request.Headers);
        LongLivedRequest.AllowSilence(context);
        var policy = policies.For(context.GetReverseProxyFeature().Route);
        await (context.Features.Get<Invocation>() is { } invocation ? InvokedAsync(context, policy, invocation)
            : policy is null || LongLivedRequest.Begins(context) ? PlainAsync(context)
            : DurableAsync(context, policy));
        await Http1TrailerTransforms.EndAsync(context);
    }

    /// <summary>A step of another run wants this request made: it is stored, and due at once.</summary>
    private Task InvokedAsync(HttpContext context, RunPolicy? policy, Invocation invocation)
    {
        if (policy is null) return Task.CompletedTask;
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

        // A client that sends a key or does not wait relies on the store. So does a policy that stores every request.
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
        return context.Response.WriteStoreAwayAsync(null, "This request is stored before it is sent, and the store is away.");
    }

    private Task NotDurableAsync(HttpContext context)
    {
        NotDurable.Mark(context);
        return PlainAsync(context);
    }

    private async Task PlainAsync(HttpContext context)
    {
        await next(context);

        // The forwarder clears what was there when it fails.
        if (!context.Response.HasStarted) NotDurable.MarkAgain(context);
        if (context.GetForwarderErrorFeature() is not { Error: not ForwarderError.None } error
            || context.RequestAborted.IsCancellationRequested) return;
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
