using System;

namespace DurableGateway.Client;

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
