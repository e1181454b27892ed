namespace DurableGateway.Runs;

/// <summary>An event of a stream, as the service wrote it.</summary>
/// <param name="Id">Its <c>id</c>; empty without one.</param>
/// <param name="Bytes">All of it, with the blank line that ends it.</param>
internal readonly record struct StreamEvent(string Id, ReadOnlyMemory<byte> Bytes);
