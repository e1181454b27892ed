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
