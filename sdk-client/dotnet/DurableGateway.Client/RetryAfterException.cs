using System;

namespace DurableGateway.Client;

/// <summary>Throw it in the body of a step to delay the next try. The current try counts as failed.</summary>
public class RetryAfterException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="delay">The minimum time until the next try. A longer delay of the policy takes precedence.</param>
    /// <param name="message">The error.</param>
    /// <param name="innerException">The cause.</param>
    /// <exception cref="ArgumentOutOfRangeException">The delay is negative.</exception>
    public RetryAfterException(TimeSpan delay, string? message = null, Exception? innerException = null)
        : base(message ?? $"Try again in {delay}.", innerException)
    {
        if (delay < TimeSpan.Zero) throw new ArgumentOutOfRangeException(nameof(delay), delay, "The delay must not be negative.");
        Delay = delay;
    }

    /// <summary>The minimum time until the next try.</summary>
    public TimeSpan Delay { get; }
}
