namespace DurableGateway.Client;

/// <summary>
/// A step has no outcome yet, and the handler cannot go on without it. The run is parked, and the handler executed again later. It is
/// thrown when the attempt ends, so that <c>finally</c> blocks are executed; no step begins in them.
/// </summary>
public sealed class RunSuspendedException : AttemptOverException
{
    internal RunSuspendedException(string step)
        : base($"Step '{step}' goes on in a later attempt.")
    {
    }
}
