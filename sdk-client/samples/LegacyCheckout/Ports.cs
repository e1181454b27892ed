using System.Net;
using System.Net.Sockets;

namespace LegacyCheckout;

/// <summary>Free addresses of this machine.</summary>
internal static class Ports
{
    /// <summary>
    /// Its port is below those that systems give to outgoing connections, so that none of these takes it before the program listens.
    /// </summary>
    public static string FreeUrl()
    {
        while (true)
        {
            var port = Random.Shared.Next(20_000, 30_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return $"http://127.0.0.1:{port}";
            }
            catch (SocketException)
            {
                // Another program has it.
            }
        }
    }
}
