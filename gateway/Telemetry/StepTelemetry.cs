using System.Diagnostics;
using DurableGateway.Runs;
using DurableGateway.Steps;
using DurableGateway.Storage;
using static DurableGateway.Telemetry.TelemetryNames;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace DurableGateway.Telemetry;

/// <summary>What services report of their steps, and what comes for those that wait, told as metrics and spans.</summary>
internal sealed class StepTelemetry(AttemptRegistry registry, IRunStore store, TimeProvider time)
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
        Count(policy.Name, call.Type, outcome);
        Instruments.CheckpointDuration.Record(time.GetElapsedTime(began).TotalSeconds, new Tag(Attributes.Policy, policy.Name));

        // A try that failed took its time, and is a span of its own; the beginning of a wait is none yet.
        if (!Spans.AreOn || !(outcome is "completed" or "failed" || (outcome == "pending" && executed is not null))) return;
        if (await ParentAsync(run, attempt) is not { } parent) return;
        var failed = executed?.Failed ?? answer.Outcome?.Failed ?? false;
        Spans.StepEnded(parent, run, attempt, new EndedStep(call.Id, call.Type, failed, executed?.Duration ?? default), outcome);
    }

    /// <summary>A sleep was over when the attempt began.</summary>
    public static void Slept(Attempt attempt, StepOutcome sleep)
    {
        Count(attempt.Policy.Name, sleep.Type, "completed");
        if (attempt.Span is { } span)
            Spans.StepEnded(span.Context, attempt.Run, attempt.Key.Number,
                new EndedStep(sleep.Id, sleep.Type, Failed: false, sleep.EndedAt - sleep.StartedAt), "completed");
    }

    /// <summary>What a step waited for has come from elsewhere.</summary>
    public async ValueTask DeliveredAsync(RunId run, StepOutcome step)
    {
        if (await OriginAsync(run) is not { } origin) return;
        var outcome = step.Failed ? "failed" : "completed";
        Count(origin.Policy, step.Type, outcome);
        if (Spans.AreOn && Spans.Parse(origin.TraceParent) is { } parent)
            Spans.StepEnded(parent, run, origin.Attempt,
                new EndedStep(step.Id, step.Type, step.Failed, step.EndedAt - step.StartedAt), outcome);
    }

    /// <summary>A sleep is over, or a wait timed out, when the service asks again; whatever else is stored was told before.</summary>
    private static bool EndedByCall(StepCall call, StepAnswer answer, int attempt) =>
        answer.Outcome is { } stored && stored.Attempt == attempt
            && (call is SleepStepCall || (call is not RunStepCall and not StartStepCall && stored.Failed));

    private static void Count(string policy, string type, string outcome) =>
        Instruments.Steps.Add(1, new Tag(Attributes.Policy, policy), new Tag(Attributes.StepType, type),
            new Tag(Attributes.Outcome, outcome));

    /// <summary>The attempt's span is on the node that drives it; elsewhere a step stands beside its attempt.</summary>
    /// <returns><see langword="null"/> where nobody looks at the run's trace.</returns>
    private async ValueTask<ActivityContext?> ParentAsync(RunId run, int attempt) =>
        registry.TryGet(run, out var own) && own.Key.Number == attempt
            ? own.Span?.Context
            : Spans.Parse((await OriginAsync(run))?.TraceParent);

    private async Task<RunOrigin?> OriginAsync(RunId run)
    {
        try
        {
            return await store.GetOriginAsync(run);
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }
}

/// <summary>A step that is over, as its span shows it.</summary>
internal readonly record struct EndedStep(string Id, string Type, bool Failed, TimeSpan Took);
