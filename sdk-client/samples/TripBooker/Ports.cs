using System.Net;
using System.Net.Sockets;

namespace TripBooker;

/// <summary>Free addresses of this machine.</summary>
internal static class Ports
{
    /// <summary>The wanted address. If its port is in use (5000 is on every Mac), an address with a free port.</summary>
    public static string UrlOf(int wanted) => IsFree(wanted) ? $"http://localhost:{wanted}" : $"http://127.0.0.1:{Free()}";

    /// <summary>The address by which clients on this machine can call the service.</summary>
    public static string Reachable(string url) => url.Replace("://[::]", "://localhost").Replace("://0.0.0.0", "://localhost");

    private static bool IsFree(int port) =>
        CanListen(IPAddress.Loopback, port) && (!Socket.OSSupportsIPv6 || CanListen(IPAddress.IPv6Loopback, port));

    private static bool CanListen(IPAddress address, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return true;
        }
        catch (SocketException e)
        {
            // If the machine does not have the address, the port is free.
            return e.SocketErrorCode == SocketError.AddressNotAvailable;
        }
    }

    private static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
