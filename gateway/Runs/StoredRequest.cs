namespace DurableGateway.Runs;

/// <summary>A request as it arrived, with all that a replay needs to look the same to the route's pipeline.</summary>
internal sealed record StoredRequest
{
    public required string Method { get; init; }
    public required string Scheme { get; init; }
    public required string Protocol { get; init; }
    public required string PathBase { get; init; }
    public required string Path { get; init; }
    public required string Query { get; init; }

    /// <summary>The request target as it stood on the wire.</summary>
    public required string RawTarget { get; init; }
    public required string RemoteAddress { get; init; }
    public required int RemotePort { get; init; }
    public required string LocalAddress { get; init; }
    public required int LocalPort { get; init; }

    /// <summary>The W3C trace context that replays continue; empty where there was none.</summary>
    public required string TraceParent { get; init; }
    public required string TraceState { get; init; }

    /// <summary>The body arrived with no length: it is sent so again.</summary>
    public required bool Chunked { get; init; }

    /// <summary>What came after a body in chunks.</summary>
    public IReadOnlyList<HeaderLine> Trailers { get; init; } = [];
    public required IReadOnlyList<HeaderLine> Headers { get; init; }
    public required IReadOnlyList<KeyValuePair<string, string>> RouteValues { get; init; }
    public required ReadOnlyMemory<byte> Body { get; init; }
}
