namespace DurableGateway.Configuration;

/// <summary>Reads <c>Durable:Limits</c>.</summary>
internal static class LimitsBinder
{
    private const long KiB = 1024;

    /// <summary>The size of the server's buffer for unparsed data, in bytes. A request head must fit into it.</summary>
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
