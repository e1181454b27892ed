using System.Text;

namespace DurableGateway.Proxy;

/// <summary>How header values travel between the gateway and services.</summary>
internal static class ServiceHeaderEncoding
{
    /// <summary>Bytes beyond ASCII pass unchanged in both directions, unless the cluster's configuration says otherwise.</summary>
    public static void PassAsTheyAre(SocketsHttpHandler handler)
    {
        handler.RequestHeaderEncodingSelector ??= static (_, _) => Encoding.Latin1;
        handler.ResponseHeaderEncodingSelector ??= static (_, _) => Encoding.Latin1;
    }
}
