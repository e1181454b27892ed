namespace DurableGateway.Runs;

/// <summary>The form of the result URL to which the gateway redirects a client.</summary>
internal enum ResultUrlPlace
{
    /// <summary>
    /// The original path for browsers that load a page, a frame, a style sheet or a script. The reserved path for all other clients.
    /// </summary>
    Auto,

    /// <summary>
    /// The path and query of the request with a reserved query parameter, so that relative references in the result stay valid.
    /// </summary>
    OriginalPath,

    /// <summary><c>/_durable/v1/results/…</c>.</summary>
    ReservedPath,
}
