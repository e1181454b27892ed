namespace DurableGateway.Runs;

/// <summary>Whether there is a store to work with.</summary>
internal interface IStoreReadiness
{
    /// <summary>Whether the store is connected, and answers.</summary>
    bool IsReady { get; }

    /// <summary>Completes when the store was opened for the first time. Fails where it is a store that this gateway may not use.</summary>
    Task Opened { get; }
}
