namespace DurableGateway.Client;

/// <summary>The run has ended, or a later attempt owns it. The work of this handler is discarded.</summary>
public sealed class RunAbandonedException : AttemptOverException
{
    internal RunAbandonedException(string message)
        : base(message)
    {
    }
}
