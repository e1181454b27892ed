using DurableGateway.Events;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;

namespace DurableGateway.Steps;

/// <summary>Executes the calls of services for each type of step.</summary>
internal sealed class StepCallHandler(
    RunEngine engine, WaitService waits, InvocationDispatcher invocations, CallbackUrls callbacks,
    IFailureReader failures, TimeProvider time)
{
    /// <summary>What a call says about the failure of its step; empty if the step did not fail.</summary>
    public FailureText Explain(StepCall call, byte[] body) => call is not RunStepCall { Failed: true } failed ? default
        : body.Length == 0 ? "no message"
        : failures.Read(failed.ContentType, null, body, isWhole: true);

    /// <param name="call">The call.</param>
    /// <param name="run">The run.</param>
    /// <param name="attempt">The attempt that makes the call.</param>
    /// <param name="live">The attempt, if it is on this node. Only a report on a step may find its run unstored.</param>
    /// <param name="policy">The policy of the run.</param>
    /// <param name="body">The body of the call.</param>
    /// <param name="failure">See <see cref="Explain"/>.</param>
    /// <param name="response">The response to the call.</param>
    /// <returns>The answer, or the problem if the call is refused.</returns>
    public async Task<(StepAnswer Answer, Problem? Problem)> ExecuteAsync(
        StepCall call, RunId run, Fence attempt, Attempt? live, RunPolicy policy, byte[] body, FailureText failure,
        HttpResponse response)
    {
        var waiter = new Waiter(run, call.Id);

        // Refuse only a timeout that exceeds the run timeout, which the caller knows. A timeout beyond the remaining time of the run is
        // accepted: the event may still arrive in time.
        if ((call as WaitStepCall)?.Timeout > policy.RunTimeout || (call as CallbackStepCall)?.Timeout > policy.RunTimeout)
            return (default, Problems.BeyondRunTimeout(run, call.Id, policy.RunTimeout));
        var now = time.GetUtcNow();
        switch (call)
        {
            case RunStepCall { Failed: true, IsFinal: false } failed:
                return (await engine.FailStepAsync(run, attempt, failed.Retry.Over(policy),
                    failed.ToOutcome(attempt.Attempt, body, now), failed.RetryAfter,
                    failure, live), null);
            case RunStepCall ended:
                return (await engine.CompleteStepAsync(run, attempt, policy, ended.ToOutcome(attempt.Attempt, body, now),
                    failure, live), null);
            case StartStepCall start:
                return (await engine.StartStepAsync(run, attempt, policy, start.Id, start.Execution, live), null);
            case SleepStepCall sleep:
                return (await engine.SleepAsync(run, attempt, policy, sleep.Awake(attempt.Attempt, now), sleep.Until), null);
            case WaitStepCall wait:
                return (await waits.ForEventAsync(waiter, attempt, policy, wait.Topic, wait.Timeout, wait.Lookback), null);
            case CallbackStepCall callback:
                // The URL is the same in every attempt.
                response.Headers[DurableHeaders.CallbackUrl] = await callbacks.ForAsync(waiter);
                return (await waits.ForAsync(waiter, attempt, policy, WaitKind.Callback, callback.Timeout), null);
            case InvokeStepCall invoke:
                return await invocations.InvokeAsync(waiter, attempt, policy, invoke.Method, invoke.Target, invoke.ContentType, body);
            default:
                throw new NotSupportedException(call.GetType().Name);
        }
    }
}
