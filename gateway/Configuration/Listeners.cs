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
        Listen(kestrel, settings.Public, _ => { });
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
            options.Protocols = address.Scheme == "https" ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1;
            configure(options);
            if (address.Scheme == "https") options.UseHttps();
        }

        if (System.Net.IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip)) kestrel.Listen(ip, address.Port, Options);
        else if (address.Host == "localhost") kestrel.ListenLocalhost(address.Port, Options);
        else kestrel.ListenAnyIP(address.Port, Options);
    }
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
