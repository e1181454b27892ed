using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DurableGateway.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace DurableGateway.Listeners;

/// <summary>
/// Mutual TLS at the control listener: certificates of the authorities of <c>Durable:Admin:ClientCertificates</c>, and of no others. What
/// the machine trusts does not count: of the world's authorities each would make operators.
/// </summary>
internal sealed class ClientCertificateValidator
{
    private const string CommonName = "2.5.4.3";
    private static readonly Oid ForClients = new("1.3.6.1.5.5.7.3.2");

    private readonly ClientCertificateSettings? _settings;
    private readonly X509Certificate2Collection _authorities = [];

    /// <exception cref="ConfigurationException">The authorities cannot be read.</exception>
    public ClientCertificateValidator(GatewaySettings settings)
    {
        _settings = settings.ClientCertificates;
        if (_settings is null) return;
        try
        {
            _authorities.ImportFromPemFile(_settings.Authority);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new ConfigurationException(ClientCertificateSettings.AuthorityKey, _settings.Authority, $"cannot be read: {e.Message}");
        }

        if (_authorities.Count == 0) throw new ConfigurationException(ClientCertificateSettings.AuthorityKey, _settings.Authority,
            "has no certificate in PEM (-----BEGIN CERTIFICATE-----)");
    }

    /// <summary>Whether who has none is refused, but for probes.</summary>
    public bool AreRequired => _settings is { Required: true };

    /// <summary>Asks for a certificate in the handshake, and ends it where one is shown that is not good.</summary>
    public void Configure(HttpsConnectionAdapterOptions https)
    {
        if (_settings is null) return;
        https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
        https.ClientCertificateValidation = (certificate, chain, _) => IsGood(certificate, chain);
    }

    /// <summary>The role of the one that a certificate names. It was found good in the handshake.</summary>
    public AdminCaller? Find(X509Certificate2? certificate)
    {
        if (_settings is null || certificate is null) return null;
        var names = Names(certificate);
        return Named(_settings.Operators) is { } acting ? new AdminCaller(AdminRole.Operator, $"certificate {acting}")
            : Named(_settings.Readers) is { } reading ? new AdminCaller(AdminRole.Reader, $"certificate {reading}")
            : null;

        string? Named(IEnumerable<string> known) => known.FirstOrDefault(names.Contains);
    }

    /// <summary>
    /// What it is made out to: common name, DNS names, and URI (SPIFFE). Authorities vouch for each in their own way, so what stands for a
    /// URI is one only where it is in that field: a common name may be what the bearer asked for.
    /// </summary>
    internal static IReadOnlySet<string> Names(X509Certificate2 certificate)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (!part.HasMultipleElements && part.GetSingleElementType().Value == CommonName && part.GetSingleElementValue() is { } name
                && !IsUri(name)) names.Add(name);
        }

        // The framework reads DNS names one by one, of the other kinds the first.
        foreach (var dns in certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(extension => extension.EnumerateDnsNames()).Where(dns => !IsUri(dns))) names.Add(dns);
        if (certificate.GetNameInfo(X509NameType.UrlName, forIssuer: false) is { } uri && IsUri(uri)) names.Add(uri);
        return names;

        static bool IsUri(string name) => name.Contains(':', StringComparison.Ordinal);
    }

    private bool IsGood(X509Certificate2 certificate, X509Chain? shown)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        chain.ChainPolicy.ApplicationPolicy.Add(ForClients);

        // Lists of revoked certificates are asked for over the network, in the handshake; short-lived certificates do without.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        if (shown is not null) chain.ChainPolicy.ExtraStore.AddRange(shown.ChainPolicy.ExtraStore);
        return chain.Build(certificate);
    }
}
