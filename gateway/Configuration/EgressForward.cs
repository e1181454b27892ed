namespace DurableGateway.Configuration;

/// <summary><c>Durable:Egress:Forward</c>: which destinations the egress listener forwards to as a forward proxy.</summary>
internal enum EgressForward
{
    /// <summary>Those that a route names by <c>Match:Hosts</c>.</summary>
    Routes,

    /// <summary>Any. A destination that no route names is reached as it is, and by tunnels.</summary>
    Any,
}
