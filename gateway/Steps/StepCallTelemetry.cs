using System.Diagnostics;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Telemetry;
using static DurableGateway.Diagnostics.TelemetryNames;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace DurableGateway.Steps;

/// <summary>Metrics and spans of what services report of their steps.</summary>
internal sealed class StepCallTelemetry(AttemptRegistry registry, StepTelemetry steps, TimeProvider time)
{
    /// <param name="run">The run.</param>
    /// <param name="attempt">The number of the attempt that called.</param>
    /// <param name="policy">The policy of the run.</param>
    /// <param name="call">The step as the call described it.</param>
    /// <param name="answer">What the store said.</param>
    /// <param name="began">The timestamp at which the call came.</param>
    public async ValueTask ReportedAsync(RunId run, int attempt, RunPolicy policy, StepCall call, StepAnswer answer, long began)
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

        // A try that failed took its time, and is a span of its own; the beginning of a wait is none yet.
        if (!Tracing.IsEnabled || !(outcome is "completed" or "failed" || (outcome == "pending" && executed is not null))) return;
        if (await ParentAsync(run, attempt) is not { } parent) return;
        var failed = executed?.Failed ?? answer.Outcome?.Failed ?? false;
        Spans.StepEnded(parent, run, attempt, new EndedStep(call.Id, call.Type, failed, executed?.Duration ?? default), outcome);
    }

    /// <summary>A sleep is over, or a wait timed out, when the service asks again; whatever else is stored was told before.</summary>
    private static bool EndedByCall(StepCall call, StepAnswer answer, int attempt) =>
        answer.Outcome is { } stored && stored.Attempt == attempt
            && (call is SleepStepCall || (call is not RunStepCall and not StartStepCall && stored.Failed));

    /// <summary>The attempt's span is on the node that drives it; elsewhere a step stands beside its attempt.</summary>
    /// <returns><see langword="null"/> where nobody looks at the run's trace.</returns>
    private async ValueTask<ActivityContext?> ParentAsync(RunId run, int attempt) =>
        registry.TryGet(run, out var own) && own.Key.Number == attempt
            ? own.Span?.Context
            : Spans.Parse((await steps.OriginAsync(run))?.TraceParent);
}
