using System.Net;
using System.Net.Sockets;

namespace TripBooker;

/// <summary>Addresses of this machine that nobody listens at.</summary>
internal static class Ports
{
    /// <summary>The address that is wanted, or, where it is taken (5000 is on every Mac), one with a port that is free.</summary>
    public static string UrlOf(int wanted) => IsFree(wanted) ? $"http://localhost:{wanted}" : $"http://127.0.0.1:{Free()}";

    /// <summary>An address that the service listens at, as others on this machine call it.</summary>
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
            // A machine without the address has nobody there either.
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
