namespace DurableGateway.Runs;

/// <summary>Whether the store is available.</summary>
internal interface IStoreReadiness
{
    /// <summary>Whether the store is connected and answers.</summary>
    bool IsReady { get; }

    /// <summary>Completes when the store is opened for the first time. Fails if the store is not compatible with this gateway.</summary>
    Task Opened { get; }
}
