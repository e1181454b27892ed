using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using DurableGateway.Configuration;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Listeners;

/// <summary>
/// Connects to destinations that services choose. The addresses are checked that are connected to, so a name cannot mean one address when
/// it is checked and another one afterwards. Destinations that the configuration names do not pass here.
/// </summary>
internal sealed class DestinationGuard(GatewaySettings settings, IServiceProvider services)
{
    /// <summary>
    /// Never a service: this network, link-local addresses with the metadata of clouds, multicast and broadcast. Then the addresses of
    /// metadata that are not link-local: AWS, Google, Alibaba, Azure, Oracle.
    /// </summary>
    private static readonly IPNetwork[] Never =
    [
        .. new[]
        {
            "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "::/128", "fe80::/10", "ff00::/8",
            "fd00:ec2::/32", "fd20:ce::/32", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",
        }.Select(IPNetwork.Parse),
    ];

    /// <summary>
    /// The IPv6 networks whose addresses have an IPv4 address in them, and where: RFC 4291, RFC 6052, RFC 8215 and RFC 3056.
    /// </summary>
    private static readonly (IPNetwork Network, int At)[] Embedding =
    [
        (IPNetwork.Parse("::/96"), 12), (IPNetwork.Parse("64:ff9b::/96"), 12), (IPNetwork.Parse("64:ff9b:1::/48"), 12),
        (IPNetwork.Parse("2002::/16"), 2),
    ];

    private readonly bool _servesThisMachineOnly = settings.Egress is { } egress && IsLoopback(egress);

    /// <summary>Connects to the first address of the host that answers and is allowed.</summary>
    /// <exception cref="DestinationRefusedException">None of the addresses is allowed.</exception>
    /// <exception cref="SocketException">The host is unknown, or refuses the connection.</exception>
    public async Task<Socket> ConnectAsync(string host, int port, CancellationToken cancellation)
    {
        var addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(host, cancellation);
        var allowed = addresses.Where(address => Refusal(address, port) is null).ToArray();
        if (allowed.Length == 0)
        {
            throw addresses.Length == 0
                ? new SocketException((int)SocketError.HostNotFound)
                : new DestinationRefusedException(Refusal(addresses[0], port)!);
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, port, cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Why the address is not connected to; <see langword="null"/> if it is.</summary>
    public string? Refusal(IPAddress address, int port)
    {
        var forms = FormsOf(address).ToArray();
        if (forms.Any(form => Never.Any(network => network.Contains(form))))
            return "It is a link-local or multicast address, or one of cloud metadata.";
        if (forms.Any(form => settings.Forward.Deny.Any(network => network.Contains(form))))
            return "It is in a network of Durable:Egress:Deny.";
        if (forms.Any(IPAddress.IsLoopback) && !_servesThisMachineOnly)
            return "It is a loopback address of the gateway, and the egress listener takes calls from other machines.";
        return OwnPorts().Contains(port) && forms.Any(IsOwn) ? "It is the gateway itself." : null;
    }

    private static bool IsLoopback(BindingAddress address) =>
        address.Host is "localhost" || (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));

    /// <summary>The address, and the IPv4 address that it stands for.</summary>
    private static IEnumerable<IPAddress> FormsOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            yield return address.MapToIPv4();
            yield break;
        }

        yield return address;
        if (address.AddressFamily != AddressFamily.InterNetworkV6) yield break;
        foreach (var (network, at) in Embedding)
        {
            if (network.Contains(address) && !IPAddress.IPv6Loopback.Equals(address))
                yield return new IPAddress(address.GetAddressBytes().AsSpan(at, 4));
        }
    }

    private static bool IsOwn(IPAddress address) => IPAddress.IsLoopback(address)
        || NetworkInterface.GetAllNetworkInterfaces().Any(each => each.GetIPProperties().UnicastAddresses.Any(own =>
            own.Address.GetAddressBytes().AsSpan().SequenceEqual(address.GetAddressBytes())));

    /// <summary>
    /// The ports of the configuration, and those that the system has chosen for port 0. They are read for each check, because the egress
    /// listener takes calls before the control listener is bound.
    /// </summary>
    private IEnumerable<int> OwnPorts() =>
    [
        .. new[] { settings.Public.Port, settings.Control.Port, settings.Egress?.Port ?? 0 }.Where(port => port != 0),
        .. services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses
            .Select(BindingAddress.Parse).Where(address => address.Host != $"{PublicTransport.Nowhere}").Select(address => address.Port),
    ];
}
