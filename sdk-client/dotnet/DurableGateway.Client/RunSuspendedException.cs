namespace DurableGateway.Client;

/// <summary>
/// A step has no outcome yet, and the handler cannot continue without it. The run is parked, and the handler is executed again later. The
/// exception is thrown when the attempt ends, so that <c>finally</c> blocks are executed. No step starts in them.
/// </summary>
public sealed class RunSuspendedException : AttemptOverException
{
    internal RunSuspendedException(string step)
        : base($"Step '{step}' continues in a later attempt.")
    {
    }
}
