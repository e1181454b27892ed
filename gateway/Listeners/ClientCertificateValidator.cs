using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DurableGateway.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace DurableGateway.Listeners;

/// <summary>
/// Validates client certificates (mutual TLS) at the control listener. It accepts only certificates of the authorities in
/// <c>Durable:Admin:ClientCertificates</c>. The machine's trusted authorities do not count, because any public authority could then issue
/// operator certificates.
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
            "does not contain a PEM certificate (-----BEGIN CERTIFICATE-----)");
    }

    /// <summary>Whether a caller without a certificate is refused, except for probes.</summary>
    public bool AreRequired => _settings is { Required: true };

    /// <summary>Requests a certificate in the handshake. The handshake fails if the certificate is invalid.</summary>
    public void Configure(HttpsConnectionAdapterOptions https)
    {
        if (_settings is null) return;
        https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
        https.ClientCertificateValidation = (certificate, chain, _) => IsGood(certificate, chain);
    }

    /// <summary>The role of the certificate's name. The handshake has already validated the certificate.</summary>
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
    /// The names in the certificate: common name, DNS names and URI (SPIFFE). Authorities check each kind in their own way, so a URI counts
    /// only in the URI field: the bearer may have chosen the common name.
    /// </summary>
    internal static IReadOnlySet<string> Names(X509Certificate2 certificate)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (!part.HasMultipleElements && part.GetSingleElementType().Value == CommonName && part.GetSingleElementValue() is { } name
                && !IsUri(name)) names.Add(name);
        }

        // The framework enumerates DNS names. For other kinds it returns only the first.
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

        // A revocation check needs network access during the handshake. Use short-lived certificates instead.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        if (shown is not null) chain.ChainPolicy.ExtraStore.AddRange(shown.ChainPolicy.ExtraStore);
        return chain.Build(certificate);
    }
}
