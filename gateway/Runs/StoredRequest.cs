namespace DurableGateway.Runs;

/// <summary>A received request, with all data that a replay needs to look the same to the route's pipeline.</summary>
internal sealed record StoredRequest
{
    public required string Method { get; init; }
    public required string Scheme { get; init; }
    public required string Protocol { get; init; }
    public required string PathBase { get; init; }
    public required string Path { get; init; }
    public required string Query { get; init; }

    /// <summary>The request target as received.</summary>
    public required string RawTarget { get; init; }
    public required string RemoteAddress { get; init; }
    public required int RemotePort { get; init; }
    public required string LocalAddress { get; init; }
    public required int LocalPort { get; init; }

    /// <summary>The W3C trace context that replays continue; empty if there is none.</summary>
    public required string TraceParent { get; init; }
    public required string TraceState { get; init; }

    /// <summary>Whether the body arrived without a length. Replays send it in the same way.</summary>
    public required bool Chunked { get; init; }

    /// <summary>The trailers of a chunked body.</summary>
    public IReadOnlyList<HeaderLine> Trailers { get; init; } = [];
    public required IReadOnlyList<HeaderLine> Headers { get; init; }
    public required IReadOnlyList<KeyValuePair<string, string>> RouteValues { get; init; }
    public required ReadOnlyMemory<byte> Body { get; init; }
}
