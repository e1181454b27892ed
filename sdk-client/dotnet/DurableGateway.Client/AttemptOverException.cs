using System;

namespace DurableGateway.Client;

/// <summary>
/// The handler cannot continue in this attempt. The exception is a cancellation, so code that does not catch cancellations is correct.
/// </summary>
public abstract class AttemptOverException : OperationCanceledException
{
    private protected AttemptOverException(string message)
        : base(message)
    {
    }
}
