using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Tests.Support;

/// <summary>Creates runs, requests and outcomes for tests.</summary>
internal static class Make
{
    public static DateTimeOffset Start { get; } = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static RunId RunId() => DurableGateway.Protocol.RunId.New(Start);

    /// <summary>A self-signed certificate with its key.</summary>
    public static X509Certificate2 Certificate(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(Start.AddYears(-5), Start.AddYears(50));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    public static byte[] Key(byte seed) => [.. Enumerable.Repeat(seed, DurableGateway.Protocol.KeyRing.KeyBytes)];

    public static KeyRing KeyRing(params byte[] seeds)
    {
        var ring = new KeyRing();
        ring.Load(seeds.Select(Key));
        return ring;
    }

    public static StepOutcome Outcome(string id, string body = "1", int attempt = 1) => new()
    {
        Id = id,
        Failed = false,
        ContentType = "application/json",
        Body = Encoding.UTF8.GetBytes(body),
        Attempt = attempt,
        StartedAt = Start,
        EndedAt = Start.AddMilliseconds(250),
    };

    public static StepOutcome Failure(string id, string body = "{}", int attempt = 1) =>
        Outcome(id, body, attempt) with { Failed = true, ContentType = Problem.ContentType };

    public static StoredRequest Request(ReadOnlyMemory<byte> body = default) => new()
    {
        Method = "POST",
        Scheme = "http",
        Protocol = "HTTP/1.1",
        PathBase = "",
        Path = "/orders/1 ä",
        Query = "?a=1&a=2",
        RawTarget = "/orders/1%20%C3%A4?a=1&a=2",
        RemoteAddress = "192.0.2.7",
        RemotePort = 51_000,
        LocalAddress = "192.0.2.1",
        LocalPort = 8080,
        TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        TraceState = "vendor=1",
        Chunked = true,
        Headers = [new("Accept", "a"), new("X-Twice", "1"), new("Accept", ""), new("X-Twice", "\u00e9")],
        RouteValues = [new("id", "1 ä")],
        Body = body,
    };

    /// <summary>A policy whose members all differ from their defaults.</summary>
    public static RunPolicy ChangedPolicy() => new()
    {
        Name = "größe",
        Persist = PersistMode.OnStart,
        PersistAfter = TimeSpan.FromSeconds(2),
        HoldClientFor = TimeSpan.FromSeconds(3),
        AttemptTimeout = TimeSpan.FromSeconds(4),
        RunTimeout = TimeSpan.FromDays(400),
        Retention = TimeSpan.FromMilliseconds(1),
        MaxAttempts = 1,
        UnreachableFor = TimeSpan.Zero,
        RetryDelay = TimeSpan.FromMilliseconds(50),
        MaxRetryDelay = TimeSpan.FromHours(1),
        Backoff = BackoffShape.Constant,
        Jitter = false,
        RetryStatuses = new StatusRanges("500-599"),
        MaxRequestBytes = 1,
        MaxResponseBytes = 2,
        MaxStepBytes = 3,
        OversizedRequests = OversizedRequests.Refuse,
        MaxSteps = 5,
        InlineStepBytes = 0,
        InlineHeaderBytes = 16_384,
        IdempotencyScope = "",
        IdempotencyKeepsFailures = true,
        SendIdempotencyKey = true,
        AllowCancel = true,
        ConcurrencyLimit = 7,
        ConcurrencyKey = "header:X-Tenant",
        RatePermits = 9,
        RateWindow = TimeSpan.FromMinutes(1),
        RateKey = "query:tenant",
        Priority = "header:Priority",
        BindResultTo = "header:Authorization",
        ResultUrl = ResultUrlPlace.OriginalPath,
        CorsOrigins = "https://a.example",
        CorsCredentials = true,
        Mismatch = MismatchHandling.Fail,
        PinToBuild = true,
    };

    public static NewRun Run(RunPolicy? policy = null, StoredRequest? request = null) =>
        new(RunId(), policy ?? new RunPolicy(), "orders", Start, request ?? Request("body"u8.ToArray()));

    public static StoredResponse Response(string body = "done", int status = 200) =>
        new(status, [new("Content-Type", "text/plain"), new("Set-Cookie", "a=1"), new("Set-Cookie", "b=2")], Encoding.UTF8.GetBytes(body));
}
