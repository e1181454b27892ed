namespace DurableGateway.Runs;

/// <summary>Where the client of a request that is not answered at once is sent for the result.</summary>
internal enum ResultUrlPlace
{
    /// <summary>
    /// Browsers that load a page, a frame, a style sheet or a script to the original path, all others to the reserved path.
    /// </summary>
    Auto,

    /// <summary>
    /// The path and query of the request and a reserved query member, so that relative references in the result stay right.
    /// </summary>
    OriginalPath,

    /// <summary><c>/_durable/v1/results/…</c>.</summary>
    ReservedPath,
}
