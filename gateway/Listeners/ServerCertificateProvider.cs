using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DurableGateway.Diagnostics;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace DurableGateway.Listeners;

/// <summary>
/// Serves the certificate of <c>Kestrel:Certificates:Default</c> as it is in its files now: Kestrel itself reads them once for listeners
/// that are made by code. They are read again and again, and compared, as mounts of a Secret are links that change, which watchers miss.
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

    /// <summary>In place of what Kestrel has read, which stays where nothing else could be.</summary>
    public void Configure(HttpsConnectionAdapterOptions https) => https.OnAuthenticate = (_, handshake) =>
    {
        if (_served is { } served) handshake.ServerCertificateContext = served;
    };

    /// <summary>Reads the files; keeps what there was where they are no good, as when one is written and the other not yet.</summary>
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

    /// <summary>In the forms that Kestrel takes: PEM with a key, which may have a password, and PKCS #12.</summary>
    private SslStreamCertificateContext Load(string path)
    {
        X509Certificate2Collection chain = [];
        X509Certificate2 own;
        if (_keyPath is null)
        {
            chain = X509CertificateLoader.LoadPkcs12CollectionFromFile(path, _password);
            own = chain.FirstOrDefault(one => one.HasPrivateKey) ?? throw new CryptographicException("There is no private key in it.");
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
