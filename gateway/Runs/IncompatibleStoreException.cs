namespace DurableGateway.Runs;

/// <summary>The store is there, but is not one this gateway may use: other shards, or another format.</summary>
internal sealed class IncompatibleStoreException(string message) : Exception(message);
