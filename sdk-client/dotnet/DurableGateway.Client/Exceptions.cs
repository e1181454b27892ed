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

/// <summary>Throw it in a step's body, or in the handler, where no retry may help: the step, or the run, fails for good at once.</summary>
/// <example>
/// <code>
/// throw new NonRetryableException($"The acquirer answered {code}.") { ClientMessage = "The card was declined." };
/// </code>
/// </example>
public class NonRetryableException : Exception
{
    /// <summary>Says that the step has failed for good.</summary>
    /// <param name="message">What went wrong: for the run's record and the log. Clients do not see it.</param>
    /// <param name="innerException">Its cause.</param>
    public NonRetryableException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    /// <summary>
    /// What the client of the run is told, as the problem's <c>detail</c>, where the failure leaves the handler and ends the run.
    /// </summary>
    /// <value>The default is <see langword="null"/>: the client is told that the request failed, and not why.</value>
    public string? ClientMessage { get; set; }
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

/// <summary>
/// A step is used in a way that cannot work. The message says what to do. It is an error in the handler: no replay helps.
/// </summary>
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

    /// <summary>What a client may know of it.</summary>
    internal string? ClientMessage { get; init; }
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

/// <summary>
/// A step has no outcome yet, and the handler cannot go on without it. The run is parked, and the handler executed again later. It is
/// thrown when the attempt ends, so that <c>finally</c> blocks are executed; no step begins in them.
/// </summary>
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
