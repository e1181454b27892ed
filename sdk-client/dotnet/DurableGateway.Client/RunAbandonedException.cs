namespace DurableGateway.Client;

/// <summary>The run has ended, or a later attempt owns it: what this handler does is no longer wanted.</summary>
public sealed class RunAbandonedException : AttemptOverException
{
    internal RunAbandonedException(string message)
        : base(message)
    {
    }
}
