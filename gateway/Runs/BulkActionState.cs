namespace DurableGateway.Runs;

internal enum BulkActionState
{
    Running,

    /// <summary>It stops after the page in hand.</summary>
    Stopping,
    Stopped,
    Completed,
    Failed,
}
