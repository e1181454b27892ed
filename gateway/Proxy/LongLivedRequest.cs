using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Proxy;

/// <summary>
/// Recognizes long-lived requests. WebSockets and gRPC pass unchanged. A subscription, which is a GET that is answered with events or with
/// a sequence of images, ends when its client leaves; the client asks again. Events in answer to a POST are a result that arrives in
/// pieces.
/// </summary>
internal static class LongLivedRequest
{
    /// <summary>YARP's own default of <c>ActivityTimeout</c>.</summary>
    private static readonly TimeSpan DefaultSilence = TimeSpan.FromSeconds(100);

    private static readonly ConditionalWeakTable<ClusterModel, ClusterModel> Patient = [];

    /// <summary>
    /// Whether the request is long-lived from the start. Other upgrades (Java clients and curl offer <c>h2c</c>) are not accepted, so those
    /// requests are ordinary ones.
    /// </summary>
    public static bool Begins(HttpContext context)
    {
        // To ask for a feature takes longer than to look at a header: those who can have it are asked alone.
        var request = context.Request;
        return (request.Headers.Upgrade.Count > 0 && context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true }
                && request.Headers.Upgrade.ToString().Equals("websocket", StringComparison.OrdinalIgnoreCase))
            || (HttpMethods.IsConnect(request.Method)
                && context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true })
            || (request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) ?? false);
    }

    /// <summary>The client asks for events, which may be far between.</summary>
    public static bool Subscribes(HttpContext context) => HttpMethods.IsGet(context.Request.Method)
        && context.Request.Headers.Accept is { Count: > 0 } accept
        && accept.ToString().Contains("text/event-stream", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether the response is that of a subscription, which makes the request long-lived.</summary>
    public static bool Includes(HttpContext context) =>
        HttpMethods.IsGet(context.Request.Method) && context.Response.ContentLength is null && context.Response.ContentType is { } type
        && (type.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase)
            || type.StartsWith("multipart/x-mixed-replace", StringComparison.OrdinalIgnoreCase));

    /// <summary>
    /// In a conversation both may be silent for as long as they like, unless the cluster says otherwise;
    /// YARP by itself hangs up after 100 seconds.
    /// </summary>
    public static void AllowSilence(HttpContext context) =>
        context.Features.Set<IReverseProxyFeature>(new PatientFeature(context.GetReverseProxyFeature()));

    /// <summary>
    /// How long the service may send nothing in the middle of its response. There is no limit for a long-lived request, unless the cluster
    /// sets one.
    /// </summary>
    public static TimeSpan IdleTimeoutOf(HttpContext context)
    {
        var configured = context.GetReverseProxyFeature().Cluster.Config.HttpRequest?.ActivityTimeout;

        // The timeout was lifted for a subscription, but the service answered with something else.
        return configured is null || (configured == Timeout.InfiniteTimeSpan && !Includes(context)) ? DefaultSilence : configured.Value;
    }

    internal static ClusterModel WithPatience(ClusterModel cluster) => cluster.Config.HttpRequest?.ActivityTimeout is not null
        ? cluster
        : Patient.GetValue(cluster, static impatient => new ClusterModel(
            impatient.Config with
            {
                HttpRequest =
                (impatient.Config.HttpRequest ?? ForwarderRequestConfig.Empty) with { ActivityTimeout = Timeout.InfiniteTimeSpan }
            },
            impatient.HttpClient));

    /// <summary>YARP's own feature with another cluster model.</summary>
    private sealed class PatientFeature(IReverseProxyFeature feature) : IReverseProxyFeature
    {
        public RouteModel Route => feature.Route;
        public ClusterModel Cluster { get; } = WithPatience(feature.Cluster);
        public IReadOnlyList<DestinationState> AllDestinations => feature.AllDestinations;

        public IReadOnlyList<DestinationState> AvailableDestinations
        {
            get => feature.AvailableDestinations;
            set => feature.AvailableDestinations = value;
        }

        public DestinationState? ProxiedDestination
        {
            get => feature.ProxiedDestination;
            set => feature.ProxiedDestination = value;
        }
    }
}
