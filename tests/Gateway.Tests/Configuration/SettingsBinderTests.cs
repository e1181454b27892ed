using DurableGateway.Configuration;
using DurableGateway.Hosting;
using DurableGateway.Runs;

namespace DurableGateway.Tests.Configuration;

[Trait("Category", "Unit")]
public sealed class SettingsBinderTests
{
    private const string Secret = "hunter2-hunter2";

    [Fact]
    public void NothingSet_DefaultsAreThoseOfTheDocumentation()
    {
        var settings = Bind();
        Assert.Equal(("*", 8080), (settings.Public.Host, settings.Public.Port));
        Assert.Equal(("127.0.0.1", 8081), (settings.Control.Host, settings.Control.Port));
        Assert.True(settings.IsEmbedded);
        Assert.Equal(Path.GetFullPath("data"), settings.DataDirectory);
        Assert.Equal(64, settings.Shards);
        Assert.Equal(TimeSpan.FromSeconds(10), settings.Lease);
        Assert.Equal(TimeSpan.FromSeconds(30), settings.ShutdownTimeout);
        Assert.Equal((TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(15)), (settings.ResultWait, settings.KeepAlive));
        Assert.Empty(settings.Keys);
        Assert.Null(settings.AdvertisedAddress);
        Assert.Null(settings.SharedAddress);

        var policy = Assert.Single(settings.Policies).Value;
        Assert.Equal("default", policy.Name);
        Assert.Equal(PersistMode.OnFirstCheckpoint, policy.Persist);
        Assert.Equal(TimeSpan.FromSeconds(1), policy.PersistAfter);
        Assert.Equal(TimeSpan.Zero, policy.HoldClientFor);
        Assert.Equal(TimeSpan.FromSeconds(100), policy.AttemptTimeout);
        Assert.Equal(TimeSpan.FromDays(7), policy.RunTimeout);
        Assert.Equal(TimeSpan.FromDays(1), policy.Retention);
        Assert.Equal(8, policy.MaxAttempts);
        Assert.Equal(TimeSpan.FromMinutes(10), policy.UnreachableFor);
        Assert.Equal(TimeSpan.FromSeconds(1), policy.RetryDelay);
        Assert.Equal(TimeSpan.FromMinutes(5), policy.MaxRetryDelay);
        Assert.Equal(BackoffShape.Exponential, policy.Backoff);
        Assert.True(policy.Jitter);
        Assert.Equal("500, 502-504", policy.RetryStatuses.Text);
        Assert.Equal((4L << 20, 16L << 20, 4L << 20), (policy.MaxRequestBytes, policy.MaxResponseBytes, policy.MaxStepBytes));
        Assert.Equal((10_000, 4096, 8192), (policy.MaxSteps, policy.InlineStepBytes, policy.InlineHeaderBytes));
        Assert.Equal("Authorization", policy.IdempotencyScope);
        Assert.False(policy.SendIdempotencyKey);
        Assert.Equal((OversizedRequests.Proxy, ResultUrlPlace.Auto), (policy.OversizedRequests, policy.ResultUrl));
    }

    [Fact]
    public void EveryKey_IsRead()
    {
        var settings = Bind(
            "Durable:Listeners:Public=http://0.0.0.0:9000", "Durable:Listeners:Control=http://[::1]:9001",
            "Durable:AdvertisedAddress=http://node-1:9001/", "Durable:SharedAddress=https://gateway.internal",
            "Durable:Store:ConnectionString=redis:6379,ssl=true", "Durable:Store:Shards=16", "Durable:Store:MinReplicas=1",
            "Durable:Store:DataDirectory=/var/lib/gateway", "Durable:Lease=00:00:05", "Durable:ShutdownTimeout=00:01:00",
            "Durable:PublicBaseUrl=https://api.example.com", "Durable:Events:Retention=02:00:00", "Durable:Results:Wait=00:00:08",
            $"Durable:Keys:0={Convert.ToBase64String(new byte[32])}",
            $"Durable:Keys:1={Convert.ToBase64String([.. Enumerable.Repeat((byte)9, 32)])}",
            "Durable:Admin:ApiKeys:0=" + Secret,
            "Durable:Policies:default:Persist=onstart", "Durable:Policies:default:Retry:Backoff=Linear",
            "Durable:Policies:default:Retry:Jitter=false",
            "Durable:Policies:default:Retry:Statuses=500-599", "Durable:Policies:default:MaxRequestBytes=512 KiB",
            "Durable:Policies:default:OversizedRequests=Refuse", "Durable:Policies:default:ResultUrl=OriginalPath",
            "Durable:Policies:default:IdempotencyScope=X-Tenant",
            "Durable:Policies:default:SendIdempotencyKey=True", "Durable:Policies:default:InlineStepBytes=0",
            "Durable:Policies:default:InlineHeaderBytes=16 KiB");
        Assert.Equal("http://node-1:9001", settings.AdvertisedAddress);
        Assert.Equal("https://gateway.internal", settings.SharedAddress);
        Assert.False(settings.IsEmbedded);
        Assert.Equal(("/var/lib/gateway", 16), (settings.DataDirectory, settings.Shards));
        Assert.Equal((TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(1)), (settings.Lease, settings.ShutdownTimeout));
        Assert.Equal((TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(6)), (settings.ResultWait, settings.KeepAlive));
        Assert.Equal([0, 9], settings.Keys.Select(key => key[31]));
        var policy = settings.Policies["default"];
        Assert.Equal((PersistMode.OnStart, BackoffShape.Linear, false), (policy.Persist, policy.Backoff, policy.Jitter));
        Assert.True(policy.RetryStatuses.Contains(599));
        Assert.Equal((512L << 10, OversizedRequests.Refuse, ResultUrlPlace.OriginalPath),
            (policy.MaxRequestBytes, policy.OversizedRequests, policy.ResultUrl));
        Assert.Equal(("X-Tenant", true, 0, 16384),
            (policy.IdempotencyScope, policy.SendIdempotencyKey, policy.InlineStepBytes, policy.InlineHeaderBytes));
    }

    [Fact]
    public void EveryErrorIsListed_EachWithKeyValueAndRemedy()
    {
        (string Key, string Value, string Remedy)[] wrong =
        [
            ("Durable:Listeners:Public", "8080", "http://host:port"),
            ("Durable:Limits:MaxRequestBodySize", "0", "between 1 and"),
            ("Durable:Limits:MaxRequestHeadersTotalSize", "2 MiB", "between 1 KiB and 1 MiB"),
            ("Durable:Limits:MaxRequestHeaderCount", "many", "between 10 and 100000"),
            ("Durable:Limits:MaxRequestLineSize", "8 KB", "KiB or MiB"),
            ("Durable:Limits:KeepAliveTimeout", "0", "between 00:00:01 and"),
            ("Durable:Limits:RequestHeadersTimeout", "30", "[d.]hh:mm:ss"),
            ("Durable:Limits:MinRequestBodyDataRate", "-1", "between 1 and"),
            ("Durable:Limits:MinResponseDataRate", "fast", "KiB or MiB"),
            ("Durable:Limits:DataRateGracePeriod", "00:00:01", "between 00:00:02 and"),
            ("Durable:Limits:MaxConcurrentConnections", "0", "between 1 and"),
            ("Durable:Limits:MaxConcurrentUpgradedConnections", "x", "between 1 and"),
            ("Durable:Limits:MaxStreamsPerConnection", "0", "between 1 and 10000"),
            ("Durable:TrustedProxies:0", "10.0.0.0/33", "10.0.0.0/8 or fd00::/8"),
            ("Durable:TrustedProxies:2", "proxy.internal", "10.0.0.0/8 or fd00::/8"),
            ("Durable:AdvertisedAddress", "node:8081", "absolute http:// or https:// URL"),
            ("Durable:PublicBaseUrl", "/base", "absolute http:// or https:// URL"),
            ("Durable:Store:Shards", "0", "between 1 and 16384"),
            ("Durable:Store:MinReplicas", "-1", "between 0 and 5"),
            ("Durable:Lease", "10", "[d.]hh:mm:ss"),
            ("Durable:ShutdownTimeout", "soon", "[d.]hh:mm:ss"),
            ("Durable:Events:Retention", "-01:00:00", "between"),
            ("Durable:Policies:default:Persist", "Sometimes", "OnFirstCheckpoint, OnStart"),
            ("Durable:Policies:default:ResultUrl", "Here", "Auto, OriginalPath, ReservedPath"),
            ("Durable:Policies:default:Retry:Backoff", "1", "Exponential, Linear, Constant"),
            ("Durable:Policies:default:Retry:MaxAttempts", "0", "between 1 and"),
            ("Durable:Policies:default:Retry:Jitter", "yes", "neither true nor false"),
            ("Durable:Policies:default:Retry:Statuses", "500-", "500, 502-504"),
            ("Durable:Policies:default:MaxStepBytes", "4 MB", "KiB or MiB"),
            ("Durable:Policies:default:IdempotencyScope", "not a header", "name of a header"),
            ("Durable:Policies:default:Retention", "48:00:00", "with days: 2.00:00:00"),
            ("Durable:Policies:default:BindResultTo", "Authorization", "header:Authorization"),
            ("Durable:Policies:default:Cors:Origins", "app.example.com", "https://app.example.com"),
            ("Durable:Policies:orders:Cors:Origins:0", "https://app.example.com/path", "https://app.example.com"),
            ("Durable:Policies:orders:Cors:Origins:1", "*", "* alone"),
            ("Durable:Policies:orders:AttemptTimeout", "25:00:00:00", "[d.]hh:mm:ss"),
            ("ReverseProxy:Routes:r:ClusterId", "nowhere", "ReverseProxy:Clusters"),
            ("ReverseProxy:Routes:r:Metadata:Durable.Policy", "gold", "default, orders and disable"),
            ("ReverseProxy:Clusters:c:Destinations:d:Address", "localhost:5000", "absolute http:// or https:// URL"),
        ];
        var errors = Errors([.. wrong.Select(each => $"{each.Key}={each.Value}")]);
        foreach (var (key, value, remedy) in wrong)
        {
            var error = Assert.Single(errors, error => error.Key == key);
            Assert.Equal(value, error.Value);
            Assert.Contains(remedy, error.Remedy, StringComparison.Ordinal);
            Assert.Equal($"{key}: '{value}' {error.Remedy}.", error.ToString());
        }

        Assert.Equal(wrong.Length, errors.Count);
    }

    [Theory]
    [InlineData("Durable:Leese", "Lease")]
    [InlineData("Durable:Store:Shard", "Shards")]
    [InlineData("Durable:Limits:MaxRequestBody", "MaxRequestBodySize")]
    [InlineData("Durable:Listeners:Privat", "Public")]
    [InlineData("Durable:Policies:default:Retry:MaxAttempt", "MaxAttempts")]
    [InlineData("Durable:Policies:orders:RetryStatuses", "Retry")]
    public void UnknownKey_IsRefused_AndTheKnownOnesAreNamed(string key, string known)
    {
        var error = Assert.Single(Errors($"{key}=1"));
        Assert.Equal(key, error.Key);
        Assert.Contains(known, error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Limits_AreNoneButThoseOfHeads_UnlessTheyAreSet()
    {
        var limits = Bind().Limits;
        Assert.Equal(new ServerLimits(), limits);
        Assert.Equal((null, null, null, null),
            (limits.MaxRequestBodySize, limits.MinRequestBodyDataRate, limits.MinResponseDataRate, limits.MaxConcurrentConnections));
        Assert.Equal((256 << 10, 1000, 64 << 10, 1 << 20),
            (limits.MaxRequestHeadersTotalSize, limits.MaxRequestHeaderCount, limits.MaxRequestLineSize,
                limits.MaxResponseHeadersTotalSize));
        Assert.Equal((TimeSpan.FromSeconds(130), TimeSpan.FromSeconds(30)), (limits.KeepAliveTimeout, limits.RequestHeadersTimeout));

        limits = Bind("Durable:Limits:MaxRequestBodySize=30 MiB", "Durable:Limits:MinResponseDataRate=1 KiB",
            "Durable:Limits:KeepAliveTimeout=00:00:05").Limits;
        Assert.Equal((30L << 20, 1024, TimeSpan.FromSeconds(5)),
            (limits.MaxRequestBodySize, limits.MinResponseDataRate, limits.KeepAliveTimeout));
    }

    [Fact]
    public void TrustedProxies_AreAddressesAndNetworks()
    {
        Assert.Empty(Bind().TrustedProxies);
        Assert.Equal(["10.0.0.7/32", "192.168.0.0/16", "::1/128", "fd00::/8"],
            Bind("Durable:TrustedProxies:0=10.0.0.7", "Durable:TrustedProxies:1=192.168.0.0/16",
                "Durable:TrustedProxies:2=::1", "Durable:TrustedProxies:3=fd00::/8").TrustedProxies.Select(network => network.ToString()));
    }

    [Fact]
    public void Origins_AreAListOrOneString_AndAnyOfThemNeverWithCredentials()
    {
        Assert.Equal("https://a.example,http://b.example:81",
            Bind("Durable:Policies:default:Cors:Origins=https://A.example:443, http://b.example:81").Policies["default"].CorsOrigins);
        var policies = Bind("Durable:Policies:default:Cors:Origins:0=https://a.example",
            "Durable:Policies:default:Cors:Origins:1=http://b.example",
            "Durable:Policies:open:Cors:Origins=*", "Durable:Policies:closed:Cors:Origins=").Policies;
        Assert.Equal(["https://a.example,http://b.example", "*", ""],
            new[] { "default", "open", "closed" }.Select(name => policies[name].CorsOrigins));
        Assert.Equal("Durable:Policies:orders:Cors:Credentials",
            Assert.Single(Errors("Durable:Policies:default:Cors:Origins=*", "Durable:Policies:orders:Cors:Credentials=true")).Key);
    }

    [Theory]
    [InlineData("Durable:Admin:Oidc:Audience", "Durable:Admin:Oidc:Authority=https://login.example")]
    [InlineData("Durable:Admin:Oidc:Authority", "Durable:Admin:Oidc:Audience=gateway")]
    [InlineData("Durable:Admin:Oidc:Authority", "Durable:Admin:Oidc:Audience=gateway", "Durable:Admin:Oidc:Authority=http://login.example")]
    [InlineData("Durable:Admin:ReadOnlyApiKeys", "Durable:Admin:ApiKeys:0=one", "Durable:Admin:ReadOnlyApiKeys:0=one")]
    [InlineData("Durable:Events:ApiKeys", "Durable:Admin:ApiKeys:0=one", "Durable:Events:ApiKeys:0=one")]
    [InlineData("Durable:Events:ApiKeys", "Durable:Admin:ReadOnlyApiKeys:0=one", "Durable:Events:ApiKeys:0=one")]
    [InlineData("Durable:Listeners:Control", "Durable:Events:ApiKeys:0=one", "Durable:Listeners:Control=http://0.0.0.0:8081")]
    public void Roles_ThatCannotBe_AreRefused(string key, params string[] given) => Assert.Equal(key, Assert.Single(Errors(given)).Key);

    [Theory]
    [InlineData("Durable:Admin:ApiKeys:0=one")]
    [InlineData("Durable:Admin:ReadOnlyApiKeys:0=one")]
    [InlineData("Durable:Admin:Oidc:Authority=https://login.example", "Durable:Admin:Oidc:Audience=gateway")]
    public void ControlListener_ThatAsksWhoIsThere_MayBeBeyondLoopback(params string[] given) =>
        Assert.Equal("0.0.0.0", Bind([.. given, "Durable:Listeners:Control=http://0.0.0.0:8081"]).Control.Host);

    [Fact]
    public void KeysAreCaseInsensitive()
    {
        var settings = Bind("DURABLE:LEASE=00:00:03", "durable:policies:DEFAULT:retry:maxattempts=2",
            "durable:policies:Orders:retention=00:10:00");
        Assert.Equal(TimeSpan.FromSeconds(3), settings.Lease);
        Assert.Equal(2, settings.Policies["orders"].MaxAttempts);
        Assert.Equal("default", settings.Policies["Default"].Name);
    }

    [Fact]
    public void Notices_NeedAnAddressAndASecret()
    {
        var secret = Convert.ToBase64String(new byte[24]);
        var notices = Bind("Durable:Notices:Url=https://ops.example.com/hook", $"Durable:Notices:Secret=whsec_{secret}",
            "Durable:Notices:Kinds=failed, Mismatch").Notices!;
        Assert.Equal(("https://ops.example.com/hook", 24, TimeSpan.FromMinutes(15)),
            (notices.Url.ToString(), notices.Secret.Length, notices.StuckAfter));
        Assert.Equal(new NoticeOptions(true, null, true), notices.Options);
        Assert.Equal(new NoticeOptions(true, TimeSpan.FromHours(1), true), Bind("Durable:Notices:Url=http://h",
            $"Durable:Notices:Secret={secret}", "Durable:Notices:StuckAfter=01:00:00").Notices!.Options);
        Assert.Null(Bind().Notices);
        foreach (var wrong in new[] { "", "Durable:Notices:Secret=whsec_c2hvcnQ=", "Durable:Notices:Secret=$$$" })
            Assert.Equal("Durable:Notices:Secret",
                Assert.Single(Errors("Durable:Notices:Url=http://h", wrong.Length > 0 ? wrong : "Durable:Lease=00:00:05")).Key);
        Assert.Equal("Durable:Notices:Secret", Assert.Single(Errors($"Durable:Notices:Secret={secret}")).Key);
        Assert.Contains("Failed, Mismatch, Stuck", Assert.Single(Errors("Durable:Notices:Url=http://h", $"Durable:Notices:Secret={secret}",
            "Durable:Notices:Kinds=failed, late")).Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Policy_InheritsFromDefault_NotFromItsSiblings()
    {
        // "a" sorts before "default": the base must be read first all the same.
        var settings = Bind(
            "Durable:Policies:a:Retention=00:01:00", "Durable:Policies:default:Retry:MaxAttempts=3",
            "Durable:Policies:default:Retention=00:02:00",
            "Durable:Policies:default:Retry:Statuses=503", "Durable:Policies:z:Retry:MaxAttempts=9");
        var (a, z) = (settings.Policies["a"], settings.Policies["z"]);
        Assert.Equal(("a", 3, TimeSpan.FromMinutes(1)), (a.Name, a.MaxAttempts, a.Retention));
        Assert.Equal(("z", 9, TimeSpan.FromMinutes(2)), (z.Name, z.MaxAttempts, z.Retention));
        Assert.False(z.RetryStatuses.Contains(500));
        Assert.True(z.RetryStatuses.Contains(503));
    }

    [Fact]
    public void PolicyNamedDisable_IsRefused() =>
        Assert.Equal("Durable:Policies:disable", Assert.Single(Errors("Durable:Policies:disable:Retention=00:01:00")).Key);

    [Theory]
    [InlineData("0", 0)]
    [InlineData("4096", 4096)]
    [InlineData("1 KiB", 1024)]
    [InlineData("512KiB", 512 << 10)]
    [InlineData(" 4 mib ", 4 << 20)]
    [InlineData("1024 MiB", 1L << 30)]
    public void Size_IsBytesKibibytesOrMebibytes(string text, long bytes) =>
        Assert.Equal(bytes, Bind($"Durable:Policies:default:MaxResponseBytes={text}").Policies["default"].MaxResponseBytes);

    [Theory]
    [InlineData("-1")]
    [InlineData("1.5 MiB")]
    [InlineData("4 MB")]
    [InlineData("4 GiB")]
    [InlineData("MiB")]
    [InlineData("1025 MiB")]
    [InlineData("9223372036854775807 MiB")]
    [InlineData("99999999999999999999")]
    [InlineData("0x10")]
    public void Size_OfAnyOtherShape_IsRefused(string text) => Assert.Single(Errors($"Durable:Policies:default:MaxResponseBytes={text}"));

    [Theory]
    [InlineData("00:00:01", 1)]
    [InlineData("00:00:00.250", 0.25)]
    [InlineData("1.00:00:00", 86_400)]
    [InlineData("00:10", 600)]
    public void Duration_IsATimeSpan(string text, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Bind($"Durable:Policies:default:Retry:Delay={text}").Policies["default"].RetryDelay);

    [Theory]
    [InlineData("5")]
    [InlineData("5s")]
    [InlineData("00:00:61")]
    [InlineData("-00:00:01")]
    [InlineData("4000.00:00:00")]
    public void Duration_OfAnyOtherShape_IsRefused(string text) => Assert.Single(Errors($"Durable:Policies:default:Retry:Delay={text}"));

    [Fact]
    public void SamePortTwice_IsRefused()
    {
        Assert.Equal("Durable:Listeners:Control", Assert.Single(Errors("Durable:Listeners:Public=http://*:8081")).Key);
        Assert.NotNull(Bind("Durable:Listeners:Public=http://127.0.0.1:0", "Durable:Listeners:Control=http://127.0.0.1:0"));
    }

    [Fact]
    public void ControlBeyondLoopback_WantsApiKeys()
    {
        Assert.Contains("Durable:Admin:ApiKeys", Assert.Single(Errors("Durable:Listeners:Control=http://*:8081")).Remedy,
            StringComparison.Ordinal);
        Assert.NotNull(Bind("Durable:Listeners:Control=http://*:8081", "Durable:Admin:ApiKeys:0=" + Secret));
        Assert.NotNull(Bind("Durable:Listeners:Control=https://*:8081", "Durable:Admin:ClientCertificates:Authority=ca.pem",
            "Durable:Admin:ClientCertificates:Readers:0=ann"));
        Assert.NotNull(Bind("Durable:Listeners:Control=http://localhost:8081"));
        Assert.NotNull(Bind("Durable:Listeners:Control=http://[::1]:8081"));
    }

    [Theory]
    [InlineData("Durable:Listeners:Control", "Listeners:Control=https://*:8081", "Admin:ClientCertificates:Authority=ca.pem",
        "Admin:ClientCertificates:Required=true")]
    [InlineData("Durable:Admin:ClientCertificates:Authority", "Listeners:Control=http://localhost:8081",
        "Admin:ClientCertificates:Authority=ca.pem", "Admin:ClientCertificates:Readers:0=ann")]
    [InlineData("Durable:Admin:ClientCertificates:Authority", "Listeners:Control=https://localhost:8081",
        "Admin:ClientCertificates:Authority=ca.pem")]
    [InlineData("Durable:Admin:ClientCertificates:Authority", "Listeners:Control=https://localhost:8081",
        "Admin:ClientCertificates:Operators:0=ann")]
    [InlineData("Durable:Admin:ClientCertificates:Reader", "Listeners:Control=https://localhost:8081",
        "Admin:ClientCertificates:Reader:0=ann")]
    public void ClientCertificates_ThatOpenNothing_AreRefused(string key, params string[] settings) =>
        Assert.Equal(key, Assert.Single(Errors([.. settings.Select(setting => "Durable:" + setting)])).Key);

    [Theory]
    [InlineData("Durable:Store:ConnectionString=redis:6379,password=" + Secret + ",abortConnect=perhaps")]
    [InlineData("Durable:Store:ConnectionString=password=" + Secret)]
    [InlineData("Durable:Store:ConnectionString=redis:6379, Password = " + Secret + ",nonsense=1")]
    [InlineData("Durable:Store:ConnectionString=redis:6379,pasword=" + Secret)]
    [InlineData("Durable:Store:Password=" + Secret)]
    [InlineData("Durable:Admin:ApiKey=" + Secret)]
    [InlineData("Durable:Keys:0=" + Secret)]
    [InlineData("Durable:Key=" + Secret)]
    public void Secret_IsNeverInTheMessage(string setting) =>
        Assert.All(Errors(setting), error => Assert.DoesNotContain(Secret, error.ToString(), StringComparison.Ordinal));

    [Theory]
    [InlineData("Durable:Keys=" + Secret)]
    [InlineData("Durable:Admin:ApiKeys=" + Secret)]
    [InlineData("Durable:Policies=orders")]
    [InlineData("Durable:Store=redis:6379")]
    public void ValueWhereASectionBelongs_IsRefused(string setting) => Assert.NotEmpty(Errors(setting));

    [Theory]
    [InlineData("c2hvcnQ=")]
    [InlineData("not base64")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public void KeyOfWrongLengthOrForm_SaysHowToMakeOne(string key)
    {
        var error = Assert.Single(Errors($"Durable:Keys:0={Convert.ToBase64String(new byte[32])}", $"Durable:Keys:1={key}"));
        Assert.Equal("Durable:Keys:1", error.Key);
        Assert.Contains("openssl rand -base64 32", error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void StartErrors_ListsEveryErrorOnALineOfItsOwn()
    {
        var wrong = Assert.Throws<ConfigurationException>(() => Bind("Durable:Lease=10", "Durable:Store:Shards=none"));
        var lines = StartErrors.Explain(wrong)!.Split(Environment.NewLine);
        Assert.Equal(3, lines.Length);
        Assert.Null(StartErrors.Explain(new InvalidOperationException("a bug")));
    }

    private static GatewaySettings Bind(params string[] settings) => SettingsBinder.Bind(new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(setting => setting.Split('=', 2)).Select(pair =>
            KeyValuePair.Create(pair[0], (string?)pair[1])))
        .Build());

    private static IReadOnlyList<ConfigurationError> Errors(params string[] settings) =>
        Assert.Throws<ConfigurationException>(() => Bind(settings)).Errors;
}
