namespace DurableGateway.Runs;

/// <summary>An event of a stream, as sent by the service.</summary>
/// <param name="Id">Its <c>id</c>; empty if it has none.</param>
/// <param name="Bytes">The whole event, including the blank line at its end.</param>
internal readonly record struct StreamEvent(string Id, ReadOnlyMemory<byte> Bytes);
