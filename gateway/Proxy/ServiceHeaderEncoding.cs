using System.Text;

namespace DurableGateway.Proxy;

/// <summary>Defines how header values are encoded between the gateway and services.</summary>
internal static class ServiceHeaderEncoding
{
    /// <summary>Bytes beyond ASCII pass unchanged in both directions, unless the cluster's configuration sets an encoding.</summary>
    public static void PassAsTheyAre(SocketsHttpHandler handler)
    {
        handler.RequestHeaderEncodingSelector ??= static (_, _) => Encoding.Latin1;
        handler.ResponseHeaderEncodingSelector ??= static (_, _) => Encoding.Latin1;
    }
}
