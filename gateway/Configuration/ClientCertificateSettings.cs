using System.Collections.Immutable;

namespace DurableGateway.Configuration;

/// <summary>Whose certificates the control listener takes.</summary>
/// <param name="Authority">The PEM file of the authorities.</param>
/// <param name="Operators">Names in certificates of who may see and act.</param>
/// <param name="Readers">Names in certificates of who may see.</param>
/// <param name="Required">Whether nobody else is let in, but for probes.</param>
internal sealed record ClientCertificateSettings(
    string Authority, ImmutableArray<string> Operators, ImmutableArray<string> Readers, bool Required)
{
    public const string AuthorityKey = "Durable:Admin:ClientCertificates:Authority";

    public bool NamesAnyone => Operators.Length + Readers.Length > 0;
}
