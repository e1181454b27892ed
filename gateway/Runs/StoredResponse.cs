namespace DurableGateway.Runs;

/// <summary>A stored response, which is the result of a run.</summary>
internal sealed record StoredResponse(
    int Status,
    IReadOnlyList<HeaderLine> Headers,
    ReadOnlyMemory<byte> Body,
    IReadOnlyList<HeaderLine>? Trailers = null);
