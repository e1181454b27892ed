using System.Collections.Immutable;
using System.Net;
using DurableGateway.Runs;

namespace DurableGateway.Configuration;

/// <summary>The checked settings of the section <c>Durable</c>. The configuration page describes the keys.</summary>
internal sealed record GatewaySettings
{
    /// <summary><c>Durable:Listeners:Public</c>: the address for proxied routes and results.</summary>
    public required BindingAddress Public { get; init; }

    /// <summary><c>Durable:Listeners:Control</c>: the address for step calls, events, the admin API and health probes.</summary>
    public required BindingAddress Control { get; init; }

    /// <summary>
    /// <c>Durable:Listeners:Egress</c>: the address for the calls that services make; <see langword="null"/> for no such listener.
    /// </summary>
    public BindingAddress? Egress { get; init; }

    /// <summary><c>Durable:Egress:AdvertisedAddress</c>: the egress address of this node; by default that of the egress listener.</summary>
    public string? EgressAddress { get; init; }

    /// <summary><c>Durable:Egress</c>: the egress listener as a forward proxy.</summary>
    public ForwardSettings Forward { get; init; } = new();

    /// <summary><c>Durable:Limits</c>: the limits of the public listener.</summary>
    public ServerLimits Limits { get; init; } = new();

    /// <summary><c>Durable:TrustedProxies</c>: the addresses and networks whose <c>X-Forwarded-*</c> headers are trusted.</summary>
    public ImmutableArray<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary><c>Durable:AccessLog</c>: whether each client request is logged.</summary>
    public bool AccessLog { get; init; }

    /// <summary><c>Durable:AdvertisedAddress</c>: the control address of this node; by default that of the control listener.</summary>
    public required string? AdvertisedAddress { get; init; }

    /// <summary><c>Durable:SharedAddress</c>: a control address that reaches any node.</summary>
    public required string? SharedAddress { get; init; }

    /// <summary><c>Durable:Store:ConnectionString</c>; <see langword="null"/> for the embedded store.</summary>
    public required string? StoreConnectionString { get; init; }

    /// <summary><c>Durable:Store:DataDirectory</c>, as an absolute path.</summary>
    public required string DataDirectory { get; init; }

    /// <summary><c>Durable:Store:Shards</c>: the number of shards. It cannot change during the life of a store.</summary>
    public required int Shards { get; init; }

    /// <summary><c>Durable:Store:MaxBytes</c>: the size of the embedded store in bytes from which it accepts no new runs.</summary>
    public long MaxStoreBytes { get; init; } = StoreLimits.Default;

    /// <summary><c>Durable:Store:MinReplicas</c>: how many replicas must have a write before it is acknowledged.</summary>
    public int MinReplicas { get; init; }

    /// <summary>
    /// <c>Durable:Lease</c>: how long an attempt owns its run without renewal, and therefore how long it takes to detect a failed node.
    /// </summary>
    public required TimeSpan Lease { get; init; }

    /// <summary><c>Durable:ShutdownTimeout</c>: how long attempts may continue after SIGTERM.</summary>
    public required TimeSpan ShutdownTimeout { get; init; }

    /// <summary><c>Durable:Keys</c>; if empty, a key is generated and kept in the store.</summary>
    public required ImmutableArray<byte[]> Keys { get; init; }

    /// <summary><c>Durable:Policies</c>, by name. The policy <c>default</c> always exists.</summary>
    public required ImmutableDictionary<string, RunPolicy> Policies { get; init; }

    /// <summary><c>Durable:Admin:ApiKeys</c>: the keys of operators.</summary>
    public ImmutableArray<string> AdminApiKeys { get; init; } = [];

    /// <summary><c>Durable:Admin:ReadOnlyApiKeys</c>: the keys of callers that may only read.</summary>
    public ImmutableArray<string> ReadOnlyApiKeys { get; init; } = [];

    /// <summary><c>Durable:Admin:Oidc</c>: the provider whose tokens the admin API accepts in addition to keys.</summary>
    public OidcSettings? AdminOidc { get; init; }

    /// <summary><c>Durable:Admin:ClientCertificates</c>: mutual TLS at the control listener.</summary>
    public ClientCertificateSettings? ClientCertificates { get; init; }

    /// <summary>Whether operators are configured. If not, the control listener is on loopback, and every caller is an operator.</summary>
    public bool NamesOperators =>
        AdminApiKeys.Length + ReadOnlyApiKeys.Length > 0 || AdminOidc is not null || ClientCertificates is { NamesAnyone: true };

    /// <summary><c>Durable:Events:ApiKeys</c>: the keys of callers that may only send events.</summary>
    public ImmutableArray<string> EventApiKeys { get; init; } = [];

    /// <summary>
    /// <c>Durable:PublicBaseUrl</c>: the URL at which third parties reach the public listener; by default the one that the run's client
    /// used.
    /// </summary>
    public string? PublicBaseUrl { get; init; }

    /// <summary><c>Durable:Events:Retention</c>: how long an event is kept for later waits. The default is one hour.</summary>
    public TimeSpan EventRetention { get; init; } = TimeSpan.FromHours(1);

    /// <summary><c>Durable:Events:MaxBytes</c>: the maximum size of an event in bytes. The default is 1 MiB.</summary>
    public long MaxEventBytes { get; init; } = 1 << 20;

    /// <summary>The maximum time that a request to the result URL may wait (<c>Prefer: wait=N</c>).</summary>
    public static readonly TimeSpan MaxResultWait = TimeSpan.FromSeconds(60);

    /// <summary>
    /// <c>Durable:Results:Wait</c>: how long a request to the result URL waits before it is redirected to the same URL. The range is one
    /// second to <see cref="MaxResultWait"/>. The default is 20 seconds, which is less than the read timeout of most proxies.
    /// </summary>
    public TimeSpan ResultWait { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>The maximum silence of an event stream at the result URL, because proxies close idle connections.</summary>
    public TimeSpan KeepAlive => ResultWait * 0.75;

    /// <summary><c>Durable:Notices</c>; <see langword="null"/> if no notices are sent.</summary>
    public NoticeSettings? Notices { get; init; }

    public bool IsEmbedded => StoreConnectionString is null;

    /// <summary><c>Durable:Admin:SearchHeaders</c>: the request headers by whose values operators can find runs.</summary>
    public ImmutableArray<string> SearchHeaders { get; init; } = [];

    /// <summary><c>Durable:Admin:Mask:Headers</c>: headers that are masked for operators, in addition to those that always are.</summary>
    public ImmutableArray<string> MaskedHeaders { get; init; } = [];

    /// <summary>
    /// <c>Durable:Admin:Mask:JsonPaths</c>: JSON values that are masked for operators. Paths are dotted, with <c>*</c> for any member or
    /// item.
    /// </summary>
    public ImmutableArray<string> MaskedJsonPaths { get; init; } = [];
}
