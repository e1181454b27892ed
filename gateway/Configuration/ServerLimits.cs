namespace DurableGateway.Configuration;

/// <summary>
/// <c>Durable:Limits</c>: limits for clients at the public listener, and for responses of services. The defaults suit a gateway in front of
/// a service on an internal network, where the service itself limits size and speed.
/// </summary>
internal sealed record ServerLimits
{
    /// <value>The maximum size of a request body, in bytes; no limit by default.</value>
    public long? MaxRequestBodySize { get; init; }

    /// <value>The maximum size of the names and values of all request header fields, in bytes.</value>
    public int MaxRequestHeadersTotalSize { get; init; } = 256 * 1024;

    public int MaxRequestHeaderCount { get; init; } = 1000;

    /// <value>The maximum size of method, target and version, in bytes.</value>
    public int MaxRequestLineSize { get; init; } = 64 * 1024;

    /// <value>How long a connection may be idle.</value>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(130);

    /// <value>The maximum time from the first byte of a request to the end of its head.</value>
    public TimeSpan RequestHeadersTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <value>The minimum rate at which a client must send a body, in bytes per second; no limit by default.</value>
    public long? MinRequestBodyDataRate { get; init; }

    /// <value>The minimum rate at which a client must read a response, in bytes per second; no limit by default.</value>
    public long? MinResponseDataRate { get; init; }

    /// <value>How long a client may be slower than the minimum rates.</value>
    public TimeSpan DataRateGracePeriod { get; init; } = TimeSpan.FromSeconds(5);

    /// <value>The maximum number of connections to the public listener; no limit by default. Connections to the control listener do not
    /// count.</value>
    public long? MaxConcurrentConnections { get; init; }

    /// <value>The maximum number of upgraded connections, such as WebSockets; no limit by default.</value>
    public long? MaxConcurrentUpgradedConnections { get; init; }

    /// <value>The maximum number of concurrent requests on one HTTP/2 connection.</value>
    public int MaxStreamsPerConnection { get; init; } = 100;

    /// <value>The maximum size of the header section of a service's response, in bytes; rounded up to whole KiB.</value>
    public int MaxResponseHeadersTotalSize { get; init; } = 1024 * 1024;
}
