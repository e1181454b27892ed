using System.Net;
using DurableGateway.Configuration;
using DurableGateway.Listeners;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Tests.Listeners;

/// <summary>Which addresses are connected to if a service chooses the destination.</summary>
[Trait("Category", "Unit")]
public sealed class DestinationGuardTests
{
    [Theory]
    [InlineData("169.254.169.254")]
    [InlineData("169.254.170.2")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("::169.254.169.254")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    [InlineData("64:ff9b:1::a9fe:a9fe")]
    [InlineData("2002:a9fe:a9fe::1")]
    [InlineData("fe80::1")]
    [InlineData("fd00:ec2::254")]
    [InlineData("fd20:ce::254")]
    [InlineData("100.100.100.200")]
    [InlineData("168.63.129.16")]
    [InlineData("0.0.0.0")]
    [InlineData("0.1.2.3")]
    [InlineData("::")]
    [InlineData("::ffff:0.0.0.0")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("ff02::1")]
    public void AddressOfNoService_IsRefused(string address) =>
        Assert.Contains("link-local", Guard("http://*:8082").Refusal(IPAddress.Parse(address), 80), StringComparison.Ordinal);

    [Theory]
    [InlineData("10.0.0.7")]
    [InlineData("192.168.1.1")]
    [InlineData("93.184.216.34")]
    [InlineData("fd00::7")]
    [InlineData("2001:db8::1")]
    public void OtherAddress_IsTaken(string address) => Assert.Null(Guard("http://*:8082").Refusal(IPAddress.Parse(address), 8080));

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.9.9.9")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("64:ff9b::7f00:1")]
    public void Loopback_IsForServicesOfThisMachineOnly(string text)
    {
        var address = IPAddress.Parse(text);

        Assert.Contains("loopback", Guard("http://*:8082").Refusal(address, 80), StringComparison.Ordinal);
        Assert.Contains("loopback", Guard("http://10.0.0.7:8082").Refusal(address, 80), StringComparison.Ordinal);
        Assert.Null(Guard("http://127.0.0.1:8082").Refusal(address, 80));
        Assert.Null(Guard("http://localhost:8082").Refusal(address, 80));
        Assert.Contains("the gateway itself", Guard("http://localhost:8082").Refusal(address, 8081), StringComparison.Ordinal);
    }

    [Fact]
    public void AddressOfThisMachine_IsTheGatewayOnItsPortsOnly()
    {
        var own = Dns.GetHostAddresses(Dns.GetHostName()).FirstOrDefault(address => !IPAddress.IsLoopback(address));
        if (own is null) Assert.Skip("This machine has no address.");
        var guard = Guard("http://*:8082");

        foreach (var port in new[] { 8080, 8081, 8082 })
            Assert.Contains("the gateway itself", guard.Refusal(own, port), StringComparison.Ordinal);
        Assert.Null(guard.Refusal(own, 80));
        Assert.Null(guard.Refusal(own, 8083));
    }

    /// <summary>The egress listener takes calls before the control listener is bound.</summary>
    [Fact]
    public void ListenerThatIsBoundAfterTheFirstCheck_IsTheGateway()
    {
        var server = new Server("http://127.0.0.1:8082");
        var guard = Guard(server, "http://127.0.0.1:8082");

        Assert.Contains("the gateway itself", guard.Refusal(IPAddress.Loopback, 8082), StringComparison.Ordinal);
        Assert.Null(guard.Refusal(IPAddress.Loopback, 40123));
        server.Bind("http://127.0.0.1:40123");
        Assert.Contains("the gateway itself", guard.Refusal(IPAddress.Loopback, 40123), StringComparison.Ordinal);
    }

    [Fact]
    public void ListenerOfTheConfiguration_IsTheGatewayBeforeItIsBound() => Assert.Contains("the gateway itself",
        Guard(new Server(), "http://127.0.0.1:8082").Refusal(IPAddress.Loopback, 8081), StringComparison.Ordinal);

    [Fact]
    public void DeniedNetwork_IsRefused()
    {
        var guard = Guard("http://*:8082", "10.0.0.0/8", "2001:db8::/32");

        Assert.Contains("Durable:Egress:Deny", guard.Refusal(IPAddress.Parse("10.1.2.3"), 80), StringComparison.Ordinal);
        Assert.Contains("Durable:Egress:Deny", guard.Refusal(IPAddress.Parse("::ffff:10.1.2.3"), 80), StringComparison.Ordinal);
        Assert.Contains("Durable:Egress:Deny", guard.Refusal(IPAddress.Parse("2001:db8::1"), 80), StringComparison.Ordinal);
        Assert.Null(guard.Refusal(IPAddress.Parse("11.1.2.3"), 80));
    }

    private static DestinationGuard Guard(string egress, params string[] deny) =>
        Guard(new Server("http://[::]:8080", "http://public-http2", "http://[::]:8082", "http://127.0.0.1:8081"), egress, deny);

    private static DestinationGuard Guard(Server server, string egress, params string[] deny)
    {
        Dictionary<string, string?> settings = new() { ["Durable:Listeners:Egress"] = egress };
        for (var i = 0; i < deny.Length; i++) settings[$"Durable:Egress:Deny:{i}"] = deny[i];
        var services = new ServiceCollection().AddSingleton<IServer>(server).BuildServiceProvider();
        return new DestinationGuard(
            SettingsBinder.Bind(new ConfigurationBuilder().AddInMemoryCollection(settings).Build()), services);
    }

    /// <summary>Its addresses are those that Kestrel reports, with the pipeline for HTTP/2 that accepts nothing.</summary>
    private sealed class Server : IServer
    {
        public Server(params string[] bound)
        {
            Features.Set<IServerAddressesFeature>(new Bound());
            foreach (var address in bound) Bind(address);
        }

        public IFeatureCollection Features { get; } = new FeatureCollection();

        public void Bind(string address) => Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Add(address);

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }

        private sealed class Bound : IServerAddressesFeature
        {
            public ICollection<string> Addresses { get; } = new List<string>();

            public bool PreferHostingUrls { get; set; }
        }
    }
}
