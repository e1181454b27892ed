using DurableGateway.Events;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;

namespace DurableGateway.Steps;

/// <summary>What each type of step comes to.</summary>
internal sealed class StepCallHandler(
    RunEngine engine, WaitService waits, InvocationDispatcher invocations, CallbackUrls callbacks,
    FailureReasonReader reasons, TimeProvider time)
{
    /// <returns>The answer, or the problem where the call cannot be taken.</returns>
    public async Task<(StepAnswer Answer, Problem? Problem)> ExecuteAsync(
        StepCall call, RunId run, Fence attempt, RunPolicy policy, byte[] body, HttpResponse response)
    {
        var waiter = new Waiter(run, call.Id);

        // Of a wait only what its caller could have known: in a run that has little time left it may still be in time.
        if ((call as WaitStepCall)?.Timeout > policy.RunTimeout || (call as CallbackStepCall)?.Timeout > policy.RunTimeout)
            return (default, Problems.BeyondRunTimeout(run, call.Id, policy.RunTimeout));
        var now = time.GetUtcNow();
        switch (call)
        {
            case RunStepCall { Failed: true, IsFinal: false } failed:
                return (await engine.FailStepAsync(run, attempt, failed.Retry.Over(policy),
                    failed.ToOutcome(attempt.Attempt, body, now), failed.RetryAfter,
                    reasons.Of(failed.ContentType, body)), null);
            case RunStepCall ended:
                return (await engine.CompleteStepAsync(run, attempt, policy, ended.ToOutcome(attempt.Attempt, body, now),
                    ended.Failed ? reasons.Of(ended.ContentType, body) : ""), null);
            case StartStepCall start:
                return (await engine.StartStepAsync(run, attempt, policy, start.Id, start.Execution), null);
            case SleepStepCall sleep:
                return (await engine.SleepAsync(run, attempt, policy, sleep.Awake(attempt.Attempt, now), sleep.Until), null);
            case WaitStepCall wait:
                return (await waits.ForEventAsync(waiter, attempt, policy, wait.Topic, wait.Timeout, wait.Lookback), null);
            case CallbackStepCall callback:
                // The URL is there as long as the step waits, and in every attempt the same.
                response.Headers[DurableHeaders.CallbackUrl] = await callbacks.ForAsync(waiter);
                return (await waits.ForAsync(waiter, attempt, policy, WaitKind.Callback, callback.Timeout), null);
            case InvokeStepCall invoke:
                return await invocations.InvokeAsync(waiter, attempt, policy, invoke.Method, invoke.Target, invoke.ContentType, body);
            default:
                throw new NotSupportedException(call.GetType().Name);
        }
    }
}
