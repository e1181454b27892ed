using System.Diagnostics;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Telemetry;
using static DurableGateway.Diagnostics.TelemetryNames;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace DurableGateway.Steps;

/// <summary>Records metrics and spans for the calls of services about their steps.</summary>
internal sealed class StepCallTelemetry(AttemptRegistry registry, StepTelemetry steps, TimeProvider time)
{
    /// <param name="run">The run.</param>
    /// <param name="attempt">The number of the attempt that called.</param>
    /// <param name="policy">The policy of the run.</param>
    /// <param name="call">The call.</param>
    /// <param name="answer">The answer of the store.</param>
    /// <param name="failure">What the service said, if the step failed.</param>
    /// <param name="began">The timestamp of the call's arrival.</param>
    public async ValueTask ReportedAsync(RunId run, int attempt, RunPolicy policy, StepCall call, StepAnswer answer, FailureText failure,
        long began)
    {
        var executed = call as RunStepCall;
        var outcome = answer.Verdict switch
        {
            StepVerdict.Created or StepVerdict.Scheduled when call is StartStepCall => "started",
            StepVerdict.Created => executed is { Failed: true } ? "failed" : "completed",
            StepVerdict.Scheduled => "pending",
            StepVerdict.Stored => EndedByCall(call, answer, attempt) ? answer.Outcome!.Failed ? "failed" : "completed" : "repeated",
            _ => "refused",
        };
        StepTelemetry.Count(policy.Name, call.Type, outcome);
        Instruments.CheckpointDuration.Record(time.GetElapsedTime(began).TotalSeconds, new Tag(Attributes.Policy, policy.Name));

        // A failed try has a duration and gets its own span. The start of a wait gets none.
        if (!Tracing.IsEnabled || !(outcome is "completed" or "failed" || (outcome == "pending" && executed is not null))) return;
        if (await ParentAsync(run, attempt) is not { } parent) return;
        var failed = executed?.Failed ?? answer.Outcome?.Failed ?? false;
        Spans.StepEnded(parent, run, attempt, new EndedStep(call.Id, call.Type, failed, executed?.Duration ?? default, failure), outcome);
    }

    /// <summary>
    /// Whether this call ended the step: a sleep that is over, or a wait that timed out. Other stored outcomes were counted before.
    /// </summary>
    private static bool EndedByCall(StepCall call, StepAnswer answer, int attempt) =>
        answer.Outcome is { } stored && stored.Attempt == attempt
            && (call is SleepStepCall || (call is not RunStepCall and not StartStepCall && stored.Failed));

    /// <summary>
    /// The parent of the step's span: the attempt on the node that owns its lease, otherwise the run's trace parent.
    /// </summary>
    /// <returns><see langword="null"/> if the run has no trace.</returns>
    private async ValueTask<ActivityContext?> ParentAsync(RunId run, int attempt) =>
        registry.TryGet(run, out var own) && own.Key.Number == attempt
            ? own.Span?.Context
            : Spans.Parse((await steps.OriginAsync(run))?.TraceParent);
}
