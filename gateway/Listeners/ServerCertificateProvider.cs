using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DurableGateway.Diagnostics;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace DurableGateway.Listeners;

/// <summary>
/// Serves the certificate of <c>Kestrel:Certificates:Default</c> as it is in its files now. Kestrel reads the files only once for listeners
/// that are configured in code. This reads them regularly and compares them, because a mounted Secret changes through links, which file
/// watchers miss.
/// </summary>
internal sealed class ServerCertificateProvider(
    IConfiguration configuration, TimeProvider time, ILogger<ServerCertificateProvider> log) : BackgroundService
{
    private const string Section = "Kestrel:Certificates:Default";
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(30);

    private readonly string? _path = configuration[$"{Section}:Path"];
    private readonly string? _keyPath = configuration[$"{Section}:KeyPath"];
    private readonly string? _password = configuration[$"{Section}:Password"];
    private byte[] _seen = [];
    private volatile SslStreamCertificateContext? _served;

    /// <summary>Replaces the certificate that Kestrel has read, if a newer one was read.</summary>
    public void Configure(HttpsConnectionAdapterOptions https) => https.OnAuthenticate = (_, handshake) =>
    {
        if (_served is { } served) handshake.ServerCertificateContext = served;
    };

    /// <summary>
    /// Reads the files. Keeps the current certificate if they are invalid, for example while only one of them has been written.
    /// </summary>
    public void Look()
    {
        if (_path is null) return;
        try
        {
            byte[] found = [.. File.ReadAllBytes(_path), .. _keyPath is null ? [] : File.ReadAllBytes(_keyPath)];
            if (found.AsSpan().SequenceEqual(_seen)) return;
            _seen = found;
            var (before, now) = (_served, Load(_path));
            _served = now;
            if (before is not null) log.CertificateRenewed(now.TargetCertificate.Subject, now.TargetCertificate.NotAfter.ToUniversalTime());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            log.CertificateUnreadable(_path, e.Message);
        }
    }

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        Look();
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_path is null) return;
        using var timer = new PeriodicTimer(LookAgain, time);
        while (await timer.WaitForNextTickAsync(stoppingToken)) Look();
    }

    /// <summary>Loads the formats that Kestrel supports: PEM with a key, which may have a password, and PKCS #12.</summary>
    private SslStreamCertificateContext Load(string path)
    {
        X509Certificate2Collection chain = [];
        X509Certificate2 own;
        if (_keyPath is null)
        {
            chain = X509CertificateLoader.LoadPkcs12CollectionFromFile(path, _password);
            own = chain.FirstOrDefault(one => one.HasPrivateKey) ?? throw new CryptographicException("The file contains no private key.");
        }
        else
        {
            own = _password is null
                ? X509Certificate2.CreateFromPemFile(path, _keyPath)
                : X509Certificate2.CreateFromEncryptedPemFile(path, _password, _keyPath);
            chain.ImportFromPemFile(path);
        }

        return SslStreamCertificateContext.Create(own, chain, offline: true);
    }
}
