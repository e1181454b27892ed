using DurableGateway.Configuration;
using DurableGateway.Protocol;
using Microsoft.AspNetCore.Hosting.Server;

namespace DurableGateway.Listeners;

/// <summary>
/// Provides the addresses at which services reach the control listener: this node's first, then the one that reaches any node (§2).
/// </summary>
internal sealed class CallbackAddressProvider(GatewaySettings settings, IServer server)
{
    /// <summary>The start of a run's path on the control listener. Events that an SDK sends name it as their source.</summary>
    public const string RunPath = WirePaths.Runs;

    private string? _own;

    /// <summary>This node's control address.</summary>
    public string Own => _own ??= settings.AdvertisedAddress ?? Bound();

    /// <param name="run">The id of the run.</param>
    public string For(string run) => settings.SharedAddress is { } shared
        ? $"{Own}{RunPath}{run}, {shared}{RunPath}{run}"
        : string.Concat(Own, RunPath, run);

    /// <summary>The address as bound, because the configuration may set port 0.</summary>
    private string Bound() => ListenerAddresses.Control(server);
}
