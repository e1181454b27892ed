using System.Globalization;
using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Listeners;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;
using Polly;
using Polly.Retry;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Egress;

/// <summary>
/// Forwards a call through the rest of YARP's pipeline, and again after a failure if <c>Durable.Step.Retry</c> of the route says so. The
/// service sees only the last try.
/// </summary>
internal sealed class CallForwarder(RunEngine engine, TimeProvider time, ILogger<CallForwarder> log)
{
    /// <summary>The headers of a response are part of the outcome, and their size is limited by the server.</summary>
    private const int RoomForHead = 4096;

    /// <summary>
    /// <see cref="CallTries"/> counts, and plans the delay as soon as the head of a failure arrives: the body of a failure is passed on
    /// only if there is no time for another try.
    /// </summary>
    private readonly ResiliencePipeline<ForwardedCall> _retries = new ResiliencePipelineBuilder<ForwardedCall> { TimeProvider = time }
        .AddRetry(new RetryStrategyOptions<ForwardedCall>
        {
            MaxRetryAttempts = int.MaxValue,
            ShouldHandle = static args => ValueTask.FromResult(args.Outcome.Result is { Tries.Next: not null }),
            DelayGenerator = static args => ValueTask.FromResult(args.Outcome.Result!.Tries!.Next),
        })
        .Build();

    /// <summary>
    /// Forwards the call. It goes on if the service that made it disconnects, because what it does must be known: the next attempt, or a
    /// repetition by the service, is answered with the outcome. If it then fails, it is not made again.
    /// </summary>
    /// <returns>The last try.</returns>
    public async Task<ForwardedCall> ForwardAsync(HttpContext context, CallMaker.Order order, RequestDelegate next)
    {
        var caller = context.RequestAborted;
        using var lifetime = new CancellationTokenSource();
        context.RequestAborted = lifetime.Token;
        try
        {
            return order.Rules.Retry is { } retry
                ? await RepeatAsync(context, order, retry, tries => TryAsync(context, order, tries, next, lifetime, caller), caller)
                : await TryAsync(context, order, null, next, lifetime, caller);
        }
        finally
        {
            context.RequestAborted = caller;
        }
    }

    private async Task<ForwardedCall> RepeatAsync(HttpContext context, CallMaker.Order order, StepRetry retry,
        Func<CallTries, Task<ForwardedCall>> makeAsync, CancellationToken caller)
    {
        var attempt = order.Attempt;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(caller, attempt.CallsOver);
        var tries = new CallTries(retry, attempt, over.Token);
        var untouched = new UntouchedResponse(context);
        ForwardedCall? last = null;
        var hasBegun = false;
        try
        {
            return await _retries.ExecuteAsync(async _ =>
            {
                hasBegun = true;
                if (last is not null)
                {
                    tries.Begin();

                    // The run may have ended meanwhile, and a paused process may be an attempt's that another one has taken over.
                    if (attempt.IsOver) return EndWith(context, last, untouched);

                    // Before the store is asked: if it is away, the response is a problem, and has nothing of the failed try.
                    untouched.Restore();
                    if (!await engine.OwnsAsync(attempt))
                    {
                        await context.Response.WriteProblemAsync(Problems.AttemptSuperseded(attempt.Run));
                        return last;
                    }

                    last.Held?.Dispose();
                    (context.Request.Body as RequestCapture)?.Rewind();
                    ChooseAnother(context.GetReverseProxyFeature(), tries);
                    RequestedHost.TryChoose(context);
                }

                return last = await makeAsync(tries);
            }, over.Token);
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested && (last is not null || !hasBegun))
        {
            tries.Begin();
            return last is null ? await makeAsync(tries) : EndWith(context, last, untouched);
        }
    }

    private async Task<ForwardedCall> TryAsync(HttpContext context, CallMaker.Order order, CallTries? tries,
        RequestDelegate next, CancellationTokenSource lifetime, CancellationToken caller)
    {
        var maxBytes = Math.Max(0, order.Attempt.Policy.MaxStepBytes - RoomForHead);
        var call = new ForwardedCall(order.Rules, maxBytes, tries, lifetime.Cancel, caller);
        context.Features.Set(call);
        await next(context);
        if (context.GetForwarderErrorFeature() is { Error: not ForwarderError.None } error)
        {
            call.Error = error;
            if (!context.Response.HasStarted && IsOfTheOtherSide(error.Error) && DestinationRefusedException.In(error.Exception) is null)
                call.TryPlanNext();
        }

        if (tries?.Next is { } delay)
        {
            var reason = call.Status > 0 && call.Error is null
                ? call.Status.ToString(CultureInfo.InvariantCulture)
                : $"{call.Error?.Error}";
            tries.Note(context.GetReverseProxyFeature().ProxiedDestination);
            CallCounts.AddRetry(order.Route, reason);
            log.CallRetried(order.Slot.Id, order.Attempt.Run, order.Attempt.Key.Number, reason, delay);
        }

        return call;
    }

    /// <summary>Whether a failure is one of the called service, or of the way to it.</summary>
    private static bool IsOfTheOtherSide(ForwarderError error) => error is ForwarderError.Request or ForwarderError.RequestTimedOut
        or ForwarderError.NoAvailableDestinations or ForwarderError.RequestBodyDestination or ForwarderError.ResponseBodyDestination;

    /// <summary>Leaves the destinations that have not failed to the load balancer, if there are any.</summary>
    private static void ChooseAnother(IReverseProxyFeature proxy, CallTries tries)
    {
        var available = proxy.Route.Cluster?.DestinationsState.AvailableDestinations ?? proxy.AvailableDestinations;
        var others = available.Where(destination => !tries.HasFailed(destination)).ToArray();
        proxy.AvailableDestinations = others.Length > 0 ? others : available;
        proxy.ProxiedDestination = null;
        if (others.Length == 0) tries.ForgetDestinations();
    }

    /// <summary>The last failure is the outcome after all. Its body is not there any more.</summary>
    private static ForwardedCall EndWith(HttpContext context, ForwardedCall last, UntouchedResponse untouched)
    {
        var status = context.Response.StatusCode;
        var retryAfter = context.Response.Headers.RetryAfter;
        untouched.Restore();
        context.Response.StatusCode = status;
        context.Response.Headers.RetryAfter = retryAfter;
        return last;
    }
}
