using System;

namespace DurableGateway.Client;

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
