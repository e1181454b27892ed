using System.Diagnostics;
using DurableGateway.Runs;
using DurableGateway.Storage;
using static DurableGateway.Telemetry.TelemetryNames;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace DurableGateway.Telemetry;

/// <summary>What services report of their steps, told as metrics and spans.</summary>
internal sealed class StepTelemetry(AttemptRegistry registry, IRunStore store, TimeProvider time)
{
    /// <param name="run">The run.</param>
    /// <param name="attempt">The number of the attempt that called.</param>
    /// <param name="policy">The policy of the run.</param>
    /// <param name="step">The step as the call described it.</param>
    /// <param name="answer">What the store said.</param>
    /// <param name="began">The timestamp at which the call came.</param>
    public async ValueTask ReportedAsync(RunId run, int attempt, RunPolicy policy, StepOutcome step, StepAnswer answer, long began)
    {
        // A sleep is over when its outcome is there; one that repeats what was said before is no second step.
        var isSleep = step.Type != "run";
        var outcome = answer.Verdict switch
        {
            StepVerdict.Created => step.Failed ? "failed" : "completed",
            StepVerdict.Scheduled => "pending",
            StepVerdict.Stored => isSleep && answer.Outcome is { } stored && stored.Attempt == attempt ? "completed" : "repeated",
            _ => "refused",
        };
        Instruments.Steps.Add(1, new Tag(Attributes.Policy, policy.Name), new Tag(Attributes.StepType, step.Type), new Tag(Attributes.Outcome, outcome));
        Instruments.CheckpointDuration.Record(time.GetElapsedTime(began).TotalSeconds, new Tag(Attributes.Policy, policy.Name));

        // A try that failed took its time, and is a span of its own; the beginning of a sleep is none yet.
        if (!Spans.AreOn || outcome is "repeated" or "refused" || (isSleep && outcome == "pending")) return;
        if (await ParentAsync(run, attempt) is { } parent) Spans.StepEnded(parent, run, attempt, step, outcome);
    }

    /// <summary>The attempt's span is on the node that drives it; elsewhere a step stands beside its attempt.</summary>
    /// <returns><see langword="null"/> where nobody looks at the run's trace.</returns>
    private async ValueTask<ActivityContext?> ParentAsync(RunId run, int attempt)
    {
        if (registry.TryGet(run, out var own) && own.Key.Number == attempt) return own.Span?.Context;
        try
        {
            return Spans.Parse((await store.GetOriginAsync(run))?.TraceParent);
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }
}
