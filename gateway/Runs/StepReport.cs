using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>What an attempt reports on a step.</summary>
/// <param name="MaxSteps">The maximum number of steps of the run.</param>
internal abstract record StepReport(int MaxSteps)
{
    /// <summary>The step has an outcome. See <see cref="IRunStore.StoreOutcomeAsync"/>.</summary>
    public sealed record Ended(StepOutcome Outcome, int MaxSteps, int? ExpectedTries, FailureText Why) : StepReport(MaxSteps);

    /// <summary>A try has failed. See <see cref="IRunStore.ScheduleStepAsync"/>.</summary>
    public sealed record TryFailed(string Step, int MaxSteps, int ExpectedTries, DateTimeOffset NextTry, FailureText Why)
        : StepReport(MaxSteps);

    /// <summary>A step that is executed at most once begins. See <see cref="IRunStore.StartStepAsync"/>.</summary>
    public sealed record Begun(StepOutcome Interrupted, int MaxSteps, string Execution) : StepReport(MaxSteps);

    /// <summary>Makes the report on a run that is stored.</summary>
    public Task<StepAnswer> ToAsync(IRunStore store, RunId run, Fence attempt) => this switch
    {
        Ended ended => store.StoreOutcomeAsync(run, attempt, ended.Outcome, MaxSteps, ended.ExpectedTries, ended.Why),
        TryFailed failed => store.ScheduleStepAsync(run, attempt, failed.Step, MaxSteps, failed.ExpectedTries, failed.NextTry, failed.Why),
        Begun begun => store.StartStepAsync(run, attempt, MaxSteps, begun.Interrupted, begun.Execution),
        _ => throw new NotSupportedException(GetType().Name),
    };
}
