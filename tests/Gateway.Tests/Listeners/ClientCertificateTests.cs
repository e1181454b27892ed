using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using DurableGateway.Configuration;
using DurableGateway.Listeners;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Listeners;

/// <summary>Mutual TLS at the control listener: whose certificate it is says what they may do, and others do not get in.</summary>
public sealed class ClientCertificateTests : IAsyncLifetime
{
    private const string Operator = "ann";
    private const string Reader = "spiffe://cluster.example/ns/shop/sa/reader";

    private readonly string _directory = Directory.CreateTempSubdirectory("durable-certificates-").FullName;
    private Authority _authority = null!;
    private Authority _foreign = null!;
    private string[] _settings = [];

    public ValueTask InitializeAsync()
    {
        (_authority, _foreign) = (new Authority("ours"), new Authority("another"));
        var server = _authority.Issue("CN=gateway", forClients: false, names => names.AddIpAddress(IPAddress.Loopback));
        File.WriteAllText(At("ca.pem"), _authority.Pem);
        File.WriteAllText(At("server.pem"), server.ExportCertificatePem());
        File.WriteAllText(At("server.key"), server.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        _settings =
        [
            "Durable:Listeners:Control=https://127.0.0.1:0", $"Kestrel:Certificates:Default:Path={At("server.pem")}",
            $"Kestrel:Certificates:Default:KeyPath={At("server.key")}",
            $"Durable:Admin:ClientCertificates:Authority={At("ca.pem")}",
            $"Durable:Admin:ClientCertificates:Operators:0={Operator}", $"Durable:Admin:ClientCertificates:Readers:0={Reader}",
        ];
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        _authority.Dispose();
        _foreign.Dispose();
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Name_InTheCertificate_SaysWhatItsBearerMayDo()
    {
        await using var gateway = await StartAsync();
        using var acting = _authority.Issue($"CN={Operator}, O=Platform", forClients: true);
        using var reading = _authority.Issue("CN=whatever", forClients: true, names => names.AddUri(new Uri(Reader)));
        using var other = _authority.Issue("CN=billing", forClients: true, names => names.AddDnsName("ann.example"));

        // There is no such run, and that is what the operator is told.
        Assert.Equal((200, 404), (await GetAsync(gateway, acting), await ActAsync(gateway, acting)));
        Assert.Equal((200, 403), (await GetAsync(gateway, reading), await ActAsync(gateway, reading)));
        Assert.Equal((401, 401), (await GetAsync(gateway, other), await ActAsync(gateway, other)));
        Assert.Equal((401, 401), (await GetAsync(gateway, null), await ActAsync(gateway, null)));
        Assert.Equal((200, 303), (await GetAsync(gateway, acting, "/runs"), await GetAsync(gateway, other, "/runs")));
    }

    /// <summary>A common name may be what the bearer asked for; of whom a URI is, the authority knows.</summary>
    [Fact]
    public async Task NameInAnotherField_IsAnotherName()
    {
        await using var gateway = await StartAsync();
        using var common = _authority.Issue($"CN={Reader}", forClients: true);
        using var dns = _authority.Issue("CN=whatever", forClients: true, names => names.AddDnsName(Reader));
        using var cut = _authority.Issue($"CN=\"{Operator}\0.example\"", forClients: true);
        using var longer = _authority.Issue($"CN={Operator}.example", forClients: true, names => names.AddEmailAddress(Operator));
        foreach (var certificate in new[] { common, dns, cut, longer })
            Assert.Equal((401, 401), (await GetAsync(gateway, certificate), await ActAsync(gateway, certificate)));
    }

    [Fact]
    public async Task Certificate_ThatIsNotGood_GetsNoConnection()
    {
        await using var gateway = await StartAsync();
        using var foreign = _foreign.Issue($"CN={Operator}", forClients: true);
        using var own = Authority.SelfSigned($"CN={Operator}");
        using var forServers = _authority.Issue($"CN={Operator}", forClients: false);
        using var over = _authority.Issue($"CN={Operator}", forClients: true, end: TimeProvider.System.GetUtcNow().AddMinutes(-1));
        foreach (var certificate in new[] { foreign, own, forServers, over })
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => GetAsync(gateway, certificate));
    }

    /// <summary>Halfway through a renewal the key does not fit; nobody is to meet that.</summary>
    [Fact]
    public async Task CertificateOfTheListener_ThatIsRenewedInItsFiles_IsServed()
    {
        var log = new LogSink();
        await using var gateway = await GatewayHost.StartAsync("http://127.0.0.1:1", builder => builder.Logging.AddProvider(log),
            [.. _settings, "Durable:Listeners:Public=https://127.0.0.1:0"]);
        var files = gateway.Services.GetRequiredService<ServerCertificateProvider>();
        var before = await ServedAsync(gateway);
        files.Look();
        Assert.Equal(before, await ServedAsync(gateway));

        using var renewed = _authority.Issue("CN=gateway", forClients: false, names => names.AddIpAddress(IPAddress.Loopback));
        await File.WriteAllTextAsync(At("server.pem"), $"{renewed.ExportCertificatePem()}\n{_authority.Pem}");
        files.Look();
        Assert.Equal(before, await ServedAsync(gateway));
        Assert.Single(log.Of(138));

        await File.WriteAllTextAsync(At("server.key"), renewed.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        files.Look();
        Assert.Equal((renewed.Thumbprint, renewed.Thumbprint), await ServedAsync(gateway));
        Assert.Single(log.Of(137));
    }

    /// <summary>Who has a certificate does not make another with it.</summary>
    [Fact]
    public async Task Bearer_IsNoAuthority()
    {
        await using var gateway = await StartAsync();
        using var billing = _authority.Issue("CN=billing", forClients: true);
        using var forged = Authority.Issue(billing, $"CN={Operator}", forClients: true);
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false };
        handler.SslOptions.CertificateChainPolicy = _authority.Trust();
        handler.SslOptions.ClientCertificateContext = System.Net.Security.SslStreamCertificateContext.Create(forged,
            [billing], offline: true);
        using var client = new HttpClient(handler) { Timeout = World.Patience };
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => client.GetAsync(new Uri(gateway.Control, "/_durable/v1/admin/runs")));
    }

    [Fact]
    public async Task PageOfAnotherSite_DoesNotActWithTheBrowsersCertificate()
    {
        await using var gateway = await StartAsync();
        using var acting = _authority.Issue($"CN={Operator}", forClients: true);
        Assert.Equal(403, await SendAsync(gateway, acting, HttpMethod.Post,
            $"/_durable/v1/admin/runs/{Make.RunId()}/cancel", "cross-site"));
        Assert.Equal(404, await SendAsync(gateway, acting, HttpMethod.Post,
            $"/_durable/v1/admin/runs/{Make.RunId()}/cancel", "same-origin"));
    }

    [Fact]
    public async Task Required_LetsInProbesOnly_WithoutOne()
    {
        await using var gateway = await StartAsync("Durable:Admin:ClientCertificates:Required=true",
            "Durable:Admin:ApiKeys:0=operator-key-of-the-tests");
        using var service = _authority.Issue("CN=billing", forClients: true);
        foreach (var path in new[] { "/", "/metrics", "/_durable/v1/admin/runs", "/_durable/v1/events", "/healthz/", "/readyzz" })
            Assert.Equal(401, await GetAsync(gateway, null, path));
        Assert.Equal((200, 200), (await GetAsync(gateway, null, "/healthz"), await GetAsync(gateway, null, "/readyz")));
        Assert.Equal((200, 401), (await GetAsync(gateway, service, "/metrics"), await GetAsync(gateway, service)));

        // Who has no token of the run is told so: it got as far as that.
        Assert.Equal(401, await SendAsync(gateway, service, HttpMethod.Get, $"/_durable/v1/runs/{Make.RunId()}/steps"));
        using var answer = await gateway.Client.GetAsync(new Uri("/", UriKind.Relative));
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
    }

    [Theory]
    [InlineData("missing.pem")]
    [InlineData("server.key")]
    public async Task Authority_ThatCannotBeRead_IsNamed(string file)
    {
        var error = await Assert.ThrowsAsync<ConfigurationException>(() =>
            GatewayHost.StartAsync("http://127.0.0.1:1", [.. _settings, $"Durable:Admin:ClientCertificates:Authority={At(file)}"]));
        Assert.Contains("Durable:Admin:ClientCertificates:Authority", error.Message, StringComparison.Ordinal);
        Assert.Contains(At(file), error.Message, StringComparison.Ordinal);
    }

    private string At(string file) => Path.Combine(_directory, file);

    private Task<GatewayHost> StartAsync(params string[] more) => GatewayHost.StartAsync("http://127.0.0.1:1", [.. _settings, .. more]);

    /// <summary>The certificates of the two listeners.</summary>
    private async Task<(string Public, string Control)> ServedAsync(GatewayHost gateway)
    {
        return (await OfAsync(gateway.Public), await OfAsync(gateway.Control));

        async Task<string> OfAsync(Uri listener)
        {
            using var connection = new System.Net.Sockets.TcpClient();
            await connection.ConnectAsync(listener.Host, listener.Port);
            await using var tls = new SslStream(connection.GetStream());

            // A session that is taken up again has the certificate that it began with.
            var options = new SslClientAuthenticationOptions
            {
                TargetHost = listener.Host,
                CertificateChainPolicy = _authority.Trust(),
                AllowTlsResume = false,
            };
            await tls.AuthenticateAsClientAsync(options).WaitAsync(World.Patience);
            return ((X509Certificate2)tls.RemoteCertificate!).Thumbprint;
        }
    }

    private Task<int> GetAsync(GatewayHost gateway, X509Certificate2? certificate, string path = "/_durable/v1/admin/runs") =>
        SendAsync(gateway, certificate, HttpMethod.Get, path);

    private Task<int> ActAsync(GatewayHost gateway, X509Certificate2? certificate) =>
        SendAsync(gateway, certificate, HttpMethod.Post, $"/_durable/v1/admin/runs/{Make.RunId()}/pause");

    private async Task<int> SendAsync(
        GatewayHost gateway, X509Certificate2? certificate, HttpMethod method, string path, string? site = null)
    {
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false };
        handler.SslOptions.CertificateChainPolicy = _authority.Trust();

        // Whatever the server asks for: a client that means harm sends what it has.
        if (certificate is not null) handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        using var client = new HttpClient(handler) { Timeout = World.Patience };
        using var request = new HttpRequestMessage(method, new Uri(gateway.Control, path));
        if (site is not null) request.Headers.Add("Sec-Fetch-Site", site);
        using var answer = await client.SendAsync(request);
        return (int)answer.StatusCode;
    }

    /// <summary>An authority that exists for one test.</summary>
    private sealed class Authority : IDisposable
    {
        private readonly X509Certificate2 _certificate;

        public Authority(string name)
        {
            using var key = RSA.Create(2048);
            var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
            _certificate = request.CreateSelfSigned(Now.AddHours(-2), Now.AddHours(2));
        }

        private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

        public string Pem => _certificate.ExportCertificatePem();

        public static X509Certificate2 SelfSigned(string subject)
        {
            using var key = RSA.Create(2048);
            return new CertificateRequest(subject, key, HashAlgorithmName.SHA256,
                RSASignaturePadding.Pkcs1).CreateSelfSigned(Now.AddHours(-1), Now.AddHours(1));
        }

        public X509Certificate2 Issue(
            string subject, bool forClients, Action<SubjectAlternativeNameBuilder>? name = null, DateTimeOffset? end = null) =>
            Issue(_certificate, subject, forClients, name, end);

        public static X509Certificate2 Issue(X509Certificate2 issuer, string subject, bool forClients,
            Action<SubjectAlternativeNameBuilder>? name = null, DateTimeOffset? end = null)
        {
            using var key = RSA.Create(2048);
            var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            request.CertificateExtensions
                .Add(new X509EnhancedKeyUsageExtension([new Oid(forClients ? "1.3.6.1.5.5.7.3.2" : "1.3.6.1.5.5.7.3.1")], critical: false));
            if (name is not null)
            {
                var names = new SubjectAlternativeNameBuilder();
                name(names);
                request.CertificateExtensions.Add(names.Build());
            }

            // Whatever the issuer may not: who means harm does not ask.
            using var signed = request.Create(
                issuer.SubjectName, X509SignatureGenerator.CreateForRSA(issuer.GetRSAPrivateKey()!, RSASignaturePadding.Pkcs1),
                Now.AddHours(-1), end ?? Now.AddMinutes(50),
                RandomNumberGenerator.GetBytes(8));
            return signed.CopyWithPrivateKey(key);
        }

        public X509ChainPolicy Trust()
        {
            var policy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            policy.CustomTrustStore.Add(_certificate);
            return policy;
        }

        public void Dispose() => _certificate.Dispose();
    }
}
