using DurableGateway.Configuration;
using Microsoft.AspNetCore.Hosting.Server;

namespace DurableGateway.Listeners;

/// <summary>The address at which other nodes reach this node's egress listener. The tokens of its attempts name it.</summary>
internal sealed class EgressAddressProvider(GatewaySettings settings, IServer server)
{
    private string? _own;

    public bool IsEnabled { get; } = settings.Egress is not null;

    public string Own => _own ??= settings.EgressAddress ?? ListenerAddresses.Egress(server);
}
