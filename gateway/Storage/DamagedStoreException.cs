namespace DurableGateway.Storage;

/// <summary>The files of the embedded store are damaged or missing. Nothing has been written to them.</summary>
internal sealed class DamagedStoreException(string message) : Exception(message);
