using System.Security.Cryptography;

namespace DurableGateway.Protocol;

/// <summary>A record is sealed with a key that is not in <c>Durable:Keys</c> of this node.</summary>
internal sealed class KeyMissingException(string message) : CryptographicException(message);
