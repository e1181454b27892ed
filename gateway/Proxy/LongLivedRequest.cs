using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Proxy;

/// <summary>
/// Tells conversations from requests. WebSockets and gRPC pass as they are. A subscription, which is asked for with GET and answered with
/// events, or with one picture after the other, ends when its client leaves, who will ask again. Events in answer to a POST are a result
/// that comes piece by piece.
/// </summary>
internal static class LongLivedRequest
{
    /// <summary>YARP's own default of <c>ActivityTimeout</c>.</summary>
    private static readonly TimeSpan DefaultSilence = TimeSpan.FromSeconds(100);

    private static readonly ConditionalWeakTable<ClusterModel, ClusterModel> Patient = [];

    /// <summary>
    /// It is one from the start. Other upgrades (clients of Java and curl offer <c>h2c</c>) are not taken up, so the request is one like
    /// any other.
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

    /// <summary>The response makes it one.</summary>
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
    /// How long the service may send nothing in the middle of its response: as long as it likes in a conversation,
    /// if the cluster says nothing.
    /// </summary>
    public static TimeSpan IdleTimeoutOf(HttpContext context)
    {
        var configured = context.GetReverseProxyFeature().Cluster.Config.HttpRequest?.ActivityTimeout;

        // The client asked for a subscription, and the service answered with something else.
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

    /// <summary>YARP's own, but for the cluster.</summary>
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
