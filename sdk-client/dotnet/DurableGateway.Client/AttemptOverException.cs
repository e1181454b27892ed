using System;

namespace DurableGateway.Client;

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
