using System.Net;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Formats the servers of a connection string as <c>host:port</c>.</summary>
internal static class StoreAddress
{
    private const int DefaultPort = 6379;
    private const int DefaultTlsPort = 6380;

    public static string Format(string connectionString) => Format(ConfigurationOptions.Parse(connectionString));

    public static string Format(ConfigurationOptions options) => string.Join(", ", options.EndPoints.Select(endPoint => endPoint switch
    {
        DnsEndPoint name => $"{name.Host}:{Port(name.Port, options.Ssl)}",
        IPEndPoint address => new IPEndPoint(address.Address, Port(address.Port, options.Ssl)).ToString(),
        _ => endPoint.ToString(),
    }));

    private static int Port(int port, bool isTls) => port != 0 ? port : isTls ? DefaultTlsPort : DefaultPort;
}
