namespace DurableGateway.Runs;

/// <summary>A response that is kept: the result of a run.</summary>
internal sealed record StoredResponse(
    int Status,
    IReadOnlyList<HeaderLine> Headers,
    ReadOnlyMemory<byte> Body,
    IReadOnlyList<HeaderLine>? Trailers = null);
