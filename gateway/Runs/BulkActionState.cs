namespace DurableGateway.Runs;

internal enum BulkActionState
{
    Running,

    /// <summary>It stops after the current page.</summary>
    Stopping,
    Stopped,
    Completed,
    Failed,
}
