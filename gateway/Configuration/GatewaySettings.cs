using System.Collections.Immutable;
using System.Net;
using DurableGateway.Runs;

namespace DurableGateway.Configuration;

/// <summary>Everything under <c>Durable:</c>, read and checked. The keys are those of the configuration page.</summary>
internal sealed record GatewaySettings
{
    /// <summary><c>Durable:Listeners:Public</c>: proxied routes and results.</summary>
    public required BindingAddress Public { get; init; }

    /// <summary><c>Durable:Listeners:Control</c>: step calls, events, admin API, health.</summary>
    public required BindingAddress Control { get; init; }

    /// <summary><c>Durable:Limits</c>: what the public listener takes.</summary>
    public ServerLimits Limits { get; init; } = new();

    /// <summary><c>Durable:TrustedProxies</c>: whose <c>X-Forwarded-*</c> are believed.</summary>
    public ImmutableArray<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary><c>Durable:AccessLog</c>: whether each request of a client is a line of the log.</summary>
    public bool AccessLog { get; init; }

    /// <summary><c>Durable:AdvertisedAddress</c>; where absent, the control listener's own.</summary>
    public required string? AdvertisedAddress { get; init; }

    /// <summary><c>Durable:SharedAddress</c>: a control address that reaches any node.</summary>
    public required string? SharedAddress { get; init; }

    /// <summary><c>Durable:Store:ConnectionString</c>; where absent, the store is embedded.</summary>
    public required string? StoreConnectionString { get; init; }

    /// <summary><c>Durable:Store:DataDirectory</c>, as an absolute path.</summary>
    public required string DataDirectory { get; init; }

    /// <summary><c>Durable:Store:Shards</c>: fixed for the life of a store.</summary>
    public required int Shards { get; init; }

    /// <summary><c>Durable:Store:MaxBytes</c>: bytes in the embedded store from which on it takes no new run.</summary>
    public long MaxStoreBytes { get; init; } = StoreLimits.Default;

    /// <summary><c>Durable:Store:MinReplicas</c>: replicas that must have a write before it is answered.</summary>
    public int MinReplicas { get; init; }

    /// <summary><c>Durable:Lease</c>: how long an attempt is covered without renewal; the time it takes to notice a dead node.</summary>
    public required TimeSpan Lease { get; init; }

    /// <summary><c>Durable:ShutdownTimeout</c>: how long attempts may go on after SIGTERM.</summary>
    public required TimeSpan ShutdownTimeout { get; init; }

    /// <summary><c>Durable:Keys</c>; empty: generated into the store.</summary>
    public required ImmutableArray<byte[]> Keys { get; init; }

    /// <summary><c>Durable:Policies</c>, by name; <c>default</c> is always there.</summary>
    public required ImmutableDictionary<string, RunPolicy> Policies { get; init; }

    /// <summary><c>Durable:Admin:ApiKeys</c>; empty: the control listener is on loopback.</summary>
    public ImmutableArray<string> AdminApiKeys { get; init; } = [];

    /// <summary><c>Durable:Admin:ReadOnlyApiKeys</c>: for who may look, and not act.</summary>
    public ImmutableArray<string> ReadOnlyApiKeys { get; init; } = [];

    /// <summary><c>Durable:Admin:Oidc</c>: whose tokens open the admin API beside the keys.</summary>
    public OidcSettings? AdminOidc { get; init; }

    /// <summary><c>Durable:Admin:ClientCertificates</c>: mutual TLS at the control listener.</summary>
    public ClientCertificateSettings? ClientCertificates { get; init; }

    /// <summary>Whether it is said who operates. Otherwise the control listener is on loopback, and whoever reaches it does.</summary>
    public bool NamesOperators =>
        AdminApiKeys.Length + ReadOnlyApiKeys.Length > 0 || AdminOidc is not null || ClientCertificates is { NamesAnyone: true };

    /// <summary><c>Durable:Events:ApiKeys</c>: for who may send events, and nothing else.</summary>
    public ImmutableArray<string> EventApiKeys { get; init; } = [];

    /// <summary><c>Durable:PublicBaseUrl</c>: how third parties reach the public listener; where absent, as the run's client did.</summary>
    public string? PublicBaseUrl { get; init; }

    /// <summary><c>Durable:Events:Retention</c>: how long an event is kept for waits that come later.</summary>
    public TimeSpan EventRetention { get; init; } = TimeSpan.FromHours(1);

    /// <summary><c>Durable:Events:MaxBytes</c>: the largest event that is taken in.</summary>
    public long MaxEventBytes { get; init; } = 1 << 20;

    /// <summary>The longest that a request to the result URL may wait (<c>Prefer: wait=N</c>).</summary>
    public static readonly TimeSpan MaxResultWait = TimeSpan.FromSeconds(60);

    /// <summary>
    /// <c>Durable:Results:Wait</c>: how long a request to the result URL waits before it is redirected to the same URL. A second to
    /// <see cref="MaxResultWait"/>; 20 seconds by default, which is below the read time-outs of most proxies.
    /// </summary>
    public TimeSpan ResultWait { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long an event stream at the result URL is silent at most: proxies cut off who says nothing.</summary>
    public TimeSpan KeepAlive => ResultWait * 0.75;

    /// <summary><c>Durable:Notices</c>; <see langword="null"/>: nobody is told.</summary>
    public NoticeSettings? Notices { get; init; }

    public bool IsEmbedded => StoreConnectionString is null;

    /// <summary><c>Durable:Admin:SearchHeaders</c>: the headers of requests by whose values operators find runs.</summary>
    public ImmutableArray<string> SearchHeaders { get; init; } = [];

    /// <summary><c>Durable:Admin:Mask:Headers</c>: beside those that are always masked in what operators are shown.</summary>
    public ImmutableArray<string> MaskedHeaders { get; init; } = [];

    /// <summary><c>Durable:Admin:Mask:JsonPaths</c>: dotted, <c>*</c> for any member or item.</summary>
    public ImmutableArray<string> MaskedJsonPaths { get; init; } = [];
}
