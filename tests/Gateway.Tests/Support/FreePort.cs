using System.Net;
using System.Net.Sockets;

namespace DurableGateway.Tests.Support;

/// <summary>
/// Loopback ports for servers in processes of their own. Below the range from which the system takes ports for outgoing connections:
/// one of those could take a port away between its choice and its use. The bus of a Redis Cluster is 10,000 above.
/// </summary>
internal static class FreePort
{
    public static int Next()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(10_000, 22_000));
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException)
            {
                // Taken.
            }
        }
    }
}
