using System;

namespace DurableGateway.Client;

/// <summary>Throw it in the body of a step or in the handler if a retry cannot help: the step or run fails finally.</summary>
/// <example>
/// <code>
/// throw new NonRetryableException($"The acquirer answered {code}.") { ClientMessage = "The card was declined." };
/// </code>
/// </example>
public class NonRetryableException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">The error, for the run's record and the log. Clients do not see it.</param>
    /// <param name="innerException">The cause.</param>
    public NonRetryableException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    /// <summary>
    /// The <c>detail</c> of the client's problem if the failure ends the run.
    /// </summary>
    /// <value>The default is <see langword="null"/>: the problem does not contain the reason.</value>
    public string? ClientMessage { get; set; }
}
