using Yarp.ReverseProxy.Configuration;

namespace DurableGateway.Configuration;

/// <summary>
/// What makes a route one of the forward proxy. A route with <c>Match:Hosts</c> takes requests for these hosts. A cluster whose only
/// destination is <c>http://*</c> or <c>https://*</c> forwards to the host that the request names.
/// </summary>
internal static class ForwardRoutes
{
    /// <summary>
    /// The built-in route for destinations that no route names. It exists if <c>Durable:Egress:Forward</c> is <c>Any</c>.
    /// </summary>
    public const string Any = "(any)";

    private const string RequestedHost = "http://*";
    private const string RequestedHostByTls = "https://*";

    /// <summary>Whether the address stands for the host that the request names.</summary>
    public static bool IsRequestedHost(string? address) => address?.TrimEnd('/') is { } text
        && (text.Equals(RequestedHost, StringComparison.OrdinalIgnoreCase) || IsByTls(text));

    /// <summary>Whether the address stands for that host, and the gateway uses TLS.</summary>
    public static bool IsByTls(string address) => address.TrimEnd('/').Equals(RequestedHostByTls, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether the endpoint takes requests of the egress listener in absolute form.</summary>
    public static bool Includes(Endpoint endpoint) => StepRules.AreOn(endpoint)
        && endpoint.Metadata.GetMetadata<Yarp.ReverseProxy.Model.RouteModel>() is { Config: var route }
        && (route.Match.Hosts is { Count: > 0 } || route.RouteId == Any);

    /// <summary>Whether a route or cluster of this name would be in the way of the built-in one. YARP ignores case.</summary>
    public static bool IsBuiltIn(string name) => name.Equals(Any, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether the endpoint is that of the built-in route.</summary>
    public static bool IsAny(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<Yarp.ReverseProxy.Model.RouteModel>() is { Config.RouteId: Any };

    /// <summary>The route for all other hosts. Its calls are no steps.</summary>
    public static (RouteConfig[] Routes, ClusterConfig[] Clusters) Built(ForwardSettings settings) =>
        settings.Mode != EgressForward.Any ? ([], []) : (
        [
            new RouteConfig
            {
                RouteId = Any,
                ClusterId = Any,
                Order = int.MaxValue,
                Match = new RouteMatch { Path = "{**rest}" },
                Metadata = new Dictionary<string, string> { [StepRules.StepMetadata] = "Pass" },
            },
        ],
        [
            new ClusterConfig
            {
                ClusterId = Any,
                Destinations = new Dictionary<string, DestinationConfig> { [Any] = new() { Address = RequestedHost } },
            },
        ]);
}
