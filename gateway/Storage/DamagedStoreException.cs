namespace DurableGateway.Storage;

/// <summary>The files of the embedded store are damaged or missing. The gateway has not changed them.</summary>
internal sealed class DamagedStoreException(string message) : Exception(message);
