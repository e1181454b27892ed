using System;

namespace DurableGateway.Client;

/// <summary>
/// A step has failed for good: its tries are used up, or no retry may help. The failure is part of the run, so every replay throws it
/// here again. Catch it to compensate. Where it leaves the handler, the run ends with it.
/// </summary>
public sealed class StepFailedException : Exception
{
    internal StepFailedException(string step, StepProblem problem, Exception? inner = null)
        : base($"Step '{step}' failed: {problem.Detail ?? problem.Title}", inner)
    {
        Step = step;
        Problem = problem;
    }

    /// <summary>The step's id.</summary>
    public string Step { get; }

    /// <summary>
    /// What went wrong, as it was stored. The exception itself (<see cref="Exception.InnerException"/>) is there only
    /// in the attempt that threw it.
    /// </summary>
    public StepProblem Problem { get; }
}
