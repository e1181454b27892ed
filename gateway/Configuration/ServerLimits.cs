namespace DurableGateway.Configuration;

/// <summary>
/// <c>Durable:Limits</c>: what the public listener takes from clients, and the gateway from services. The defaults suit a gateway in front
/// of a service on an internal network: how much it takes, and how slowly, is the service's own affair.
/// </summary>
internal sealed record ServerLimits
{
    /// <value>In bytes; none by default.</value>
    public long? MaxRequestBodySize { get; init; }

    /// <value>The names and values of all header fields, in bytes.</value>
    public int MaxRequestHeadersTotalSize { get; init; } = 256 * 1024;

    public int MaxRequestHeaderCount { get; init; } = 1000;

    /// <value>In bytes: method, target and version.</value>
    public int MaxRequestLineSize { get; init; } = 64 * 1024;

    /// <value>How long a connection may be idle.</value>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(130);

    /// <value>From the first byte of a request to the last of its head.</value>
    public TimeSpan RequestHeadersTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <value>Bytes a second at which a client must send a body; none by default.</value>
    public long? MinRequestBodyDataRate { get; init; }

    /// <value>Bytes a second at which a client must take a response; none by default.</value>
    public long? MinResponseDataRate { get; init; }

    /// <value>How long a client may be slower than the rates.</value>
    public TimeSpan DataRateGracePeriod { get; init; } = TimeSpan.FromSeconds(5);

    /// <value>Of the public listener; those of the control listener do not count.</value>
    public long? MaxConcurrentConnections { get; init; }

    /// <value>WebSockets and the like.</value>
    public long? MaxConcurrentUpgradedConnections { get; init; }

    /// <value>Requests at once on one connection of HTTP/2.</value>
    public int MaxStreamsPerConnection { get; init; } = 100;

    /// <value>The header section of a service's response, in bytes; rounded up to whole KiB.</value>
    public int MaxResponseHeadersTotalSize { get; init; } = 1024 * 1024;
}

/// <summary>Reads <c>Durable:Limits</c>.</summary>
internal static class LimitsBinder
{
    private const long KiB = 1024;

    /// <summary>The server's buffer for what it has not parsed yet: a head must fit.</summary>
    private const long MaxHeadBytes = 1024 * KiB;

    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    public static ServerLimits Bind(SettingsReader durable)
    {
        var section = durable.Section("Limits");
        var basis = new ServerLimits();
        var limits = new ServerLimits
        {
            MaxRequestBodySize = Optional(section, "MaxRequestBodySize", 1, long.MaxValue / 2),
            MaxRequestHeadersTotalSize = (int)section.Bytes("MaxRequestHeadersTotalSize",
                basis.MaxRequestHeadersTotalSize, KiB, MaxHeadBytes),
            MaxRequestHeaderCount = section.Integer("MaxRequestHeaderCount", basis.MaxRequestHeaderCount, 10, 100_000),
            MaxRequestLineSize = (int)section.Bytes("MaxRequestLineSize", basis.MaxRequestLineSize, 256, MaxHeadBytes),
            KeepAliveTimeout = section.Duration("KeepAliveTimeout", basis.KeepAliveTimeout, Shortest, Longest),
            RequestHeadersTimeout = section.Duration("RequestHeadersTimeout", basis.RequestHeadersTimeout, Shortest, Longest),
            MinRequestBodyDataRate = Optional(section, "MinRequestBodyDataRate", 1, int.MaxValue),
            MinResponseDataRate = Optional(section, "MinResponseDataRate", 1, int.MaxValue),
            DataRateGracePeriod = section.Duration("DataRateGracePeriod", basis.DataRateGracePeriod, 2 * Shortest, Longest),
            MaxConcurrentConnections = Count(section, "MaxConcurrentConnections"),
            MaxConcurrentUpgradedConnections = Count(section, "MaxConcurrentUpgradedConnections"),
            MaxResponseHeadersTotalSize = (int)section.Bytes("MaxResponseHeadersTotalSize",
                basis.MaxResponseHeadersTotalSize, KiB, 64 * MaxHeadBytes),
            MaxStreamsPerConnection = section.Integer("MaxStreamsPerConnection", basis.MaxStreamsPerConnection, 1, 10_000),
        };
        section.RefuseUnknownKeys();
        return limits;
    }

    private static long? Optional(SettingsReader section, string key, long min, long max) =>
        section.Text(key) is null ? null : section.Bytes(key, min, min, max);

    private static long? Count(SettingsReader section, string key) =>
        section.Text(key) is null ? null : section.Integer(key, 1, 1, int.MaxValue);
}
