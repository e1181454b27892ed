using System.Collections.Immutable;
using System.Net;

namespace DurableGateway.Configuration;

/// <summary><c>Durable:Egress</c>: the egress listener as a forward proxy.</summary>
internal sealed record ForwardSettings
{
    public EgressForward Mode { get; init; }

    /// <summary>
    /// <c>Durable:Egress:Deny</c>: networks that are never connected to, in addition to those that never are, if the service chooses the
    /// destination.
    /// </summary>
    public ImmutableArray<IPNetwork> Deny { get; init; } = [];

    /// <summary><c>Durable:Egress:TunnelPorts</c>: the ports to which <c>CONNECT</c> opens tunnels.</summary>
    public ImmutableArray<int> TunnelPorts { get; init; } = [443];

    /// <summary><c>Durable:Egress:MaxTunnels</c>: how many tunnels may be open at once.</summary>
    public int MaxTunnels { get; init; } = 1000;

    /// <summary><c>Durable:Egress:TunnelIdleTimeout</c>: after this time without a byte in either direction, a tunnel is closed.</summary>
    public TimeSpan TunnelIdleTimeout { get; init; } = TimeSpan.FromMinutes(15);
}
