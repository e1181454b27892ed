using System.Net;
using System.Net.Sockets;

namespace DurableGateway.Tests.Support;

/// <summary>
/// Loopback ports for servers in processes of their own. A port is kept by a socket that is bound and never listens: nobody else who
/// looks for a free port gets it, neither another test nor the system for an outgoing connection, while a server that sets
/// SO_REUSEADDR (Kestrel and Redis do) can take it, and take it again after a restart. The bus of a Redis Cluster is 10,000 above.
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
                socket.Bind(new IPEndPoint(IPAddress.Loopback, Random.Shared.Next(10_000, 22_000)));
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

    // Linux's own numbers: the options of .NET cannot be set once a socket is bound.
    private const int SolSocket = 1;
    private const int ReuseAddress = 2;
}
