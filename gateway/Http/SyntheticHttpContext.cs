using System.Net;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Http;

/// <summary>A request that the gateway itself sends through its pipeline, without a client connection.</summary>
internal static class SyntheticHttpContext
{
    private static readonly Marker Mark = new();

    /// <summary>Whether the gateway itself sends the request.</summary>
    public static bool Is(HttpContext context) => context.Features.Get<Marker>() is not null;

    /// <summary>The features of a request that passes for one of a client that the gateway has heard of before.</summary>
    /// <param name="request">The request.</param>
    /// <param name="client">An earlier request of that client. The new request has the same addresses.</param>
    /// <param name="connection">A substitute for the id of a connection.</param>
    /// <param name="response">Receives the body of the response.</param>
    public static FeatureCollection CreateFeatures(HttpRequestFeature request, StoredRequest client, string connection, Stream response)
    {
        var features = new FeatureCollection();
        features.Set(Mark);
        features.Set<IHttpRequestFeature>(request);
        features.Set<IHttpResponseFeature>(new HttpResponseFeature());
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(response));

        // X-Forwarded-For is empty without this feature.
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
