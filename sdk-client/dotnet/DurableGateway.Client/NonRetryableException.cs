using System;

namespace DurableGateway.Client;

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
