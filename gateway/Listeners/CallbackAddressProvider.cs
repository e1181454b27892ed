using DurableGateway.Configuration;
using DurableGateway.Protocol;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Listeners;

/// <summary>Where services reach the control listener: this node first, then the address that reaches any (§2).</summary>
internal sealed class CallbackAddressProvider(GatewaySettings settings, IServer server)
{
    /// <summary>What the path of a run on the control listener begins with; events that an SDK sends have it as their source.</summary>
    public const string RunPath = WirePaths.Runs;

    private string? _own;

    /// <summary>This node's control address.</summary>
    public string Own => _own ??= settings.AdvertisedAddress ?? Bound();

    /// <param name="run">The id of the run.</param>
    public string For(string run) => settings.SharedAddress is { } shared
        ? $"{Own}{RunPath}{run}, {shared}{RunPath}{run}"
        : string.Concat(Own, RunPath, run);

    /// <summary>The address as it was bound, which may have been asked for with port 0.</summary>
    private string Bound()
    {
        // The listeners are bound in this order: public, control.
        var address = BindingAddress.Parse(server.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Last());
        var host = address.Host is "*" or "+" or "0.0.0.0" or "[::]" ? Environment.MachineName : address.Host;
        return $"{address.Scheme}://{host}:{address.Port}";
    }
}
