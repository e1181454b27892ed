namespace DurableGateway.Runs;

/// <summary>A fault in the request of a live attempt.</summary>
internal enum RequestFault
{
    None,

    /// <summary>The request is incomplete.</summary>
    Broken,

    /// <summary>The request exceeds the limit of the route, and its client has no response yet.</summary>
    TooLarge,
}
