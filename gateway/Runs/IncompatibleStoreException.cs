namespace DurableGateway.Runs;

/// <summary>The store is not compatible with this gateway: it has another number of shards, or another format.</summary>
internal sealed class IncompatibleStoreException(string message) : Exception(message);
