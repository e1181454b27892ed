namespace DurableGateway.Runs;

/// <summary>What is wrong with the request of a live attempt.</summary>
internal enum RequestFault
{
    None,

    /// <summary>It broke off.</summary>
    Broken,

    /// <summary>It is larger than the route takes, and its client has no response yet.</summary>
    TooLarge,
}
