using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Matching;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace DurableGateway.Configuration;

/// <summary>
/// The two listeners. A connection knows which one it came in by; an endpoint is reachable on the public one unless it is
/// marked for control, and never on both.
/// </summary>
internal static class Listeners
{
    public static void Configure(KestrelServerOptions kestrel, GatewaySettings settings)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null;

        // In front of a service on an internal network: what it takes, and how slowly, is its own affair.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.MaxRequestHeaderCount = 1000;
        kestrel.Limits.MaxRequestHeadersTotalSize = 256 * 1024;
        kestrel.Limits.MaxRequestLineSize = 64 * 1024;

        // Bytes beyond ASCII pass as they are, in both directions: what they mean is between the client and the service.
        kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
        foreach (var endPoint in PublicTransport.EndPoints(Parts(settings.Public)))
            kestrel.Listen(endPoint, options => Configure(options, settings.Public));
        Listen(kestrel, settings.Control, options => options.Use(next => connection =>
        {
            connection.Features.Set(ControlListener.Instance);
            return next(connection);
        }));
    }

    public static bool IsControl(this HttpContext context) => context.Features.Get<ControlListener>() is not null;

    /// <summary>Marks endpoints as reachable on the control listener only.</summary>
    public static TBuilder OnControlListener<TBuilder>(this TBuilder builder) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(ControlListener.Instance);

    private static void Listen(KestrelServerOptions kestrel, BindingAddress address, Action<ListenOptions> configure)
    {
        void Options(ListenOptions options)
        {
            configure(options);
            Configure(options, address);
        }

        var (ip, isLocalhost, port) = Parts(address);
        if (ip is not null) kestrel.Listen(ip, port, Options);
        else if (isLocalhost) kestrel.ListenLocalhost(port, Options);
        else kestrel.ListenAnyIP(port, Options);
    }

    private static void Configure(ListenOptions options, BindingAddress address)
    {
        options.Protocols = address.Scheme == "https" ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1;
        if (address.Scheme == "https") options.UseHttps();
    }

    private static BindingAddressParts Parts(BindingAddress address) =>
        new(IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) ? ip : null, address.Host == "localhost", address.Port);
}

/// <summary>On a connection: it came in by the control listener. On an endpoint: it belongs there.</summary>
internal sealed class ControlListener
{
    public static ControlListener Instance { get; } = new();
}

/// <summary>Takes endpoints of the other listener out of the match.</summary>
internal sealed class ListenerMatcherPolicy : MatcherPolicy, IEndpointSelectorPolicy
{
    public override int Order => -1000;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => true;

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        var control = httpContext.IsControl();
        for (var i = 0; i < candidates.Count; i++)
        {
            if (candidates.IsValidCandidate(i) && candidates[i].Endpoint.Metadata.GetMetadata<ControlListener>() is not null != control)
                candidates.SetValidity(i, false);
        }

        return Task.CompletedTask;
    }
}
