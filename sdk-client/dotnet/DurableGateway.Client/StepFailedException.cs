using System;

namespace DurableGateway.Client;

/// <summary>
/// A step has failed finally: its tries are exhausted, or the failure is not retryable. The failure is stored, so every replay throws it
/// again at the same place. Catch it to compensate. If the handler does not catch it, the run fails.
/// </summary>
public sealed class StepFailedException : Exception
{
    internal StepFailedException(string step, StepProblem problem, Exception? inner = null)
        : base($"Step '{step}' failed: {problem.Detail ?? problem.Title}", inner)
    {
        Step = step;
        Problem = problem;
    }

    /// <summary>The id of the step.</summary>
    public string Step { get; }

    /// <summary>
    /// The stored failure. The original exception (<see cref="Exception.InnerException"/>) is available only
    /// in the attempt that threw it.
    /// </summary>
    public StepProblem Problem { get; }
}
