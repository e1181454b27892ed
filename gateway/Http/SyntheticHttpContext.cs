using System.Net;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Http;

/// <summary>A request that the gateway itself sends down its pipeline: no connection of a client is behind it.</summary>
internal static class SyntheticHttpContext
{
    private static readonly Marker Mark = new();

    /// <summary>Whether the gateway itself sends the request.</summary>
    public static bool Is(HttpContext context) => context.Features.Get<Marker>() is not null;

    /// <summary>The features of a request that passes for one of a client that the gateway has heard of before.</summary>
    /// <param name="request">The request.</param>
    /// <param name="client">A request of that client: the new one comes from the same address, to the same address.</param>
    /// <param name="connection">What stands for the id of a connection.</param>
    /// <param name="response">Takes the body of the response.</param>
    public static FeatureCollection CreateFeatures(HttpRequestFeature request, StoredRequest client, string connection, Stream response)
    {
        var features = new FeatureCollection();
        features.Set(Mark);
        features.Set<IHttpRequestFeature>(request);
        features.Set<IHttpResponseFeature>(new HttpResponseFeature());
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(response));

        // Without it, X-Forwarded-For is empty.
        features.Set<IHttpConnectionFeature>(new HttpConnectionFeature
        {
            ConnectionId = connection,
            RemoteIpAddress = Address(client.RemoteAddress),
            RemotePort = client.RemotePort,
            LocalIpAddress = Address(client.LocalAddress),
            LocalPort = client.LocalPort,
        });
        return features;
    }

    /// <summary>One feature for all that the gateway sends: to find that there is none takes longer than to find one.</summary>
    private sealed class Marker;

    private static IPAddress? Address(string text) => IPAddress.TryParse(text, out var address) ? address : null;
}
