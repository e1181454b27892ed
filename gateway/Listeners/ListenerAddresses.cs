using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Listeners;

/// <summary>The addresses of the listeners as they are bound, because the configuration may set port 0.</summary>
internal static class ListenerAddresses
{
    // The listeners are bound in this order: public, egress if there is one, control.
    public static string Control(IServer server) => Nth(server, fromEnd: 1);

    public static string Egress(IServer server) => Nth(server, fromEnd: 2);

    private static string Nth(IServer server, int fromEnd)
    {
        var address = BindingAddress.Parse(server.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.ElementAt(^fromEnd));
        var host = address.Host is "*" or "+" or "0.0.0.0" or "[::]" ? Environment.MachineName : address.Host;
        return $"{address.Scheme}://{host}:{address.Port}";
    }
}
