using System;

namespace DurableGateway.Client;

/// <summary>
/// A step is used incorrectly. The message says what to do. It is an error in the handler, so a replay does not help.
/// </summary>
public sealed class StepUsageException : InvalidOperationException
{
    internal StepUsageException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
