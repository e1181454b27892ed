using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text;
using DurableGateway.Protocol;

namespace DurableGateway.Configuration;

/// <summary>Reads <c>Durable:Egress</c>.</summary>
internal static class EgressBinder
{
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    /// <param name="durable">The section <c>Durable</c>.</param>
    /// <param name="hasListener">Whether there is an egress listener.</param>
    public static (string? AdvertisedAddress, ForwardSettings Forward) Bind(SettingsReader durable, bool hasListener)
    {
        var section = durable.Section("Egress");
        var basis = new ForwardSettings();
        var address = section.Url("AdvertisedAddress");
        if (address is not null && Encoding.UTF8.GetByteCount(address) > Tokens.MaxEgressNode)
        {
            section.Report("AdvertisedAddress", address, $"is longer than {Tokens.MaxEgressNode} characters, and would not fit into a "
                + "member of tracestate; use a shorter host name or an IP address", false);
        }

        var forward = new ForwardSettings
        {
            Mode = section.Choice("Forward", basis.Mode),
            Deny = Networks(section),
            TunnelPorts = Ports(section) ?? basis.TunnelPorts,
            MaxTunnels = section.Integer("MaxTunnels", basis.MaxTunnels, 0, 1_000_000),
            TunnelIdleTimeout = section.Duration("TunnelIdleTimeout", basis.TunnelIdleTimeout, Shortest, Longest),
        };
        section.RefuseUnknownKeys();
        if (hasListener) return (address, forward);
        RefuseIf(address is not null, "AdvertisedAddress");
        RefuseIf(forward.Mode != basis.Mode, "Forward");
        RefuseIf(!forward.Deny.IsEmpty, "Deny");
        RefuseIf(forward.TunnelPorts != basis.TunnelPorts, "TunnelPorts");
        RefuseIf(forward.MaxTunnels != basis.MaxTunnels, "MaxTunnels");
        RefuseIf(forward.TunnelIdleTimeout != basis.TunnelIdleTimeout, "TunnelIdleTimeout");
        return (address, forward);

        void RefuseIf(bool isSet, string key)
        {
            if (isSet) section.Report(key, null, "needs Durable:Listeners:Egress, which is not set", false);
        }
    }

    private static ImmutableArray<IPNetwork> Networks(SettingsReader section)
    {
        var networks = ImmutableArray.CreateBuilder<IPNetwork>();
        foreach (var child in section.Children("Deny"))
        {
            var text = child.Value?.Trim();
            if (IPAddress.TryParse(text, out var address)) networks.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            else if (IPNetwork.TryParse(text, out var network)) networks.Add(network);
            else section.Report($"Deny:{child.Key}", text,
                "is neither an IP address nor a network; write for example 10.0.0.7, 10.0.0.0/8 or fd00::/8", false);
        }

        return networks.ToImmutable();
    }

    private static ImmutableArray<int>? Ports(SettingsReader section)
    {
        var ports = ImmutableArray.CreateBuilder<int>();
        var isSet = false;
        foreach (var child in section.Children("TunnelPorts"))
        {
            isSet = true;
            if (int.TryParse(child.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= 65535)
                ports.Add(port);
            else section.Report($"TunnelPorts:{child.Key}", child.Value, "is not a port between 1 and 65535", false);
        }

        return isSet ? ports.ToImmutable() : null;
    }
}
