using System.Collections.Immutable;

namespace DurableGateway.Configuration;

/// <summary>The client certificates that the control listener accepts.</summary>
/// <param name="Authority">The PEM file of the authorities.</param>
/// <param name="Operators">The certificate names of callers that may read and act.</param>
/// <param name="Readers">The certificate names of callers that may only read.</param>
/// <param name="Required">Whether callers without a certificate are refused, except for probes.</param>
internal sealed record ClientCertificateSettings(
    string Authority, ImmutableArray<string> Operators, ImmutableArray<string> Readers, bool Required)
{
    public const string AuthorityKey = "Durable:Admin:ClientCertificates:Authority";

    public bool NamesAnyone => Operators.Length + Readers.Length > 0;
}
