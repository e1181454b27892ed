using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using static DurableGateway.Diagnostics.TelemetryNames;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace DurableGateway.Telemetry;

/// <summary>
/// Records metrics and spans of steps whose outcome is not in a call of the service: sleeps that have ended, and waits that were answered.
/// </summary>
internal sealed class StepTelemetry(IRunStore store) : IStepObserver
{
    /// <summary>Records a sleep that had ended when the attempt began.</summary>
    public static void Slept(Attempt attempt, StepOutcome sleep)
    {
        Count(attempt.Policy.Name, sleep.Type, "completed");
        if (attempt.Span is { } span)
            Spans.StepEnded(span.Context, attempt.Run, attempt.Key.Number,
                new EndedStep(sleep.Id, sleep.Type, Failed: false, sleep.EndedAt - sleep.StartedAt), "completed");
    }

    /// <summary>Records a step whose wait was answered from elsewhere.</summary>
    public async ValueTask DeliveredAsync(RunId run, StepOutcome step)
    {
        if (await OriginAsync(run) is not { } origin) return;
        var outcome = step.Failed ? "failed" : "completed";
        Count(origin.Policy, step.Type, outcome);
        if (Tracing.IsEnabled && Spans.Parse(origin.TraceParent) is { } parent)
            Spans.StepEnded(parent, run, origin.Attempt,
                new EndedStep(step.Id, step.Type, step.Failed, step.EndedAt - step.StartedAt), outcome);
    }

    public static void Count(string policy, string type, string outcome) =>
        Instruments.Steps.Add(1, new Tag(Attributes.Policy, policy), new Tag(Attributes.StepType, type),
            new Tag(Attributes.Outcome, outcome));

    /// <summary>Where a run comes from; <see langword="null"/> if it cannot be read now.</summary>
    public async Task<RunOrigin?> OriginAsync(RunId run)
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
