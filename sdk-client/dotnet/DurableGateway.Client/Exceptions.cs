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

    /// <summary>What went wrong, as it was stored. The exception itself (<see cref="Exception.InnerException"/>) is there only in the attempt that threw it.</summary>
    public StepProblem Problem { get; }
}

/// <summary>Throw it in a step's body where no retry may help: the step fails for good at once.</summary>
public class NonRetryableException : Exception
{
    /// <summary>Says that the step has failed for good.</summary>
    /// <param name="message">What went wrong.</param>
    /// <param name="innerException">Its cause.</param>
    public NonRetryableException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}

/// <summary>Throw it in a step's body to say when the next try makes sense. The try counts as a failure.</summary>
public class RetryAfterException : Exception
{
    /// <summary>Says when the step may be tried again.</summary>
    /// <param name="delay">The shortest time until the next try; longer where the policy's own delay is longer.</param>
    /// <param name="message">What went wrong.</param>
    /// <param name="innerException">Its cause.</param>
    /// <exception cref="ArgumentOutOfRangeException">The delay is negative.</exception>
    public RetryAfterException(TimeSpan delay, string? message = null, Exception? innerException = null)
        : base(message ?? $"Try again in {delay}.", innerException)
    {
        if (delay < TimeSpan.Zero) throw new ArgumentOutOfRangeException(nameof(delay), delay, "A delay is not negative.");
        Delay = delay;
    }

    /// <summary>The shortest time until the next try.</summary>
    public TimeSpan Delay { get; }
}

/// <summary>A step is used in a way that cannot work. The message says what to do. It is an error in the handler: no replay helps.</summary>
public sealed class StepUsageException : InvalidOperationException
{
    internal StepUsageException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>An outcome could not be stored, or a stored one not be read. The attempt is over; the gateway starts another.</summary>
public sealed class CheckpointException : Exception
{
    internal CheckpointException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>
/// The handler cannot go on in this attempt. A cancellation, so that code which lets those pass is right as it is.
/// </summary>
public abstract class AttemptOverException : OperationCanceledException
{
    private protected AttemptOverException(string message)
        : base(message)
    {
    }
}

/// <summary>A step has nothing to go on with yet. The run is parked, and the handler executed again later.</summary>
public sealed class RunSuspendedException : AttemptOverException
{
    internal RunSuspendedException(string step)
        : base($"Step '{step}' goes on in a later attempt.")
    {
    }
}

/// <summary>The run has ended, or a later attempt owns it: what this handler does is no longer wanted.</summary>
public sealed class RunAbandonedException : AttemptOverException
{
    internal RunAbandonedException(string message)
        : base(message)
    {
    }
}
