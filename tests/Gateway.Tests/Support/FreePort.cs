using System.Net;
using System.Net.Sockets;

namespace DurableGateway.Tests.Support;

/// <summary>
/// Reserves loopback ports for servers in separate processes. A socket that is bound but never listens holds the port: neither another test
/// nor an outgoing connection gets it. A server that sets SO_REUSEADDR (Kestrel and Redis do) can use it, also after a restart. The bus of
/// a Redis Cluster is 10,000 above, and embedded servers choose ports above that, although they could use a reserved one.
/// </summary>
internal static class FreePort
{
    private static readonly List<Socket> Kept = [];

    public static int Next()
    {
        while (true)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ExclusiveAddressUse = true };
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Loopback, Random.Shared.Next(10_000, 16_000)));
                socket.SetRawSocketOption(SolSocket, ReuseAddress, BitConverter.GetBytes(1));
            }
            catch (SocketException)
            {
                socket.Dispose();
                continue;
            }

            lock (Kept) Kept.Add(socket);
            return ((IPEndPoint)socket.LocalEndPoint!).Port;
        }
    }

    // Linux constants, because .NET cannot set these options on a bound socket.
    private const int SolSocket = 1;
    private const int ReuseAddress = 2;
}
