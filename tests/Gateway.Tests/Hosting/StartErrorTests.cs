using System.Net;
using System.Net.Sockets;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Hosting;

/// <summary>A wrong configuration never starts: one plain message with key, value and remedy, exit status 2, no stack trace.</summary>
public sealed class StartErrorTests
{
    private const string Upstream = "http://127.0.0.1:1";

    [Theory]
    [InlineData("Durable:Store:ConnectionString", "redis:6379,what=ever", "Durable:Store:ConnectionString", "redis:6379")]
    [InlineData("Durable:Store:ConnectionString", "a:b:c", "Durable:Store:ConnectionString", "for example redis:6379")]
    [InlineData("Durable:Policies:default:HoldClientFor", "5", "Durable:Policies:default:HoldClientFor", "hh:mm:ss")]
    [InlineData("Durable:Policies:default:Retry:Statuses", "5xx", "Durable:Policies:default:Retry:Statuses", "500, 502-504")]
    [InlineData("Durable:Lease", "never", "Durable:Lease", "hh:mm:ss")]
    [InlineData("Durable:Leese", "00:00:10", "Durable:Leese", "Lease")]
    [InlineData("Durable:Listeners:Public", "8080", "Durable:Listeners:Public", "http://host:port")]
    [InlineData("Durable:Listeners:Control", "http://0.0.0.0:0", "Durable:Listeners:Control", "Durable:Admin:ApiKeys")]
    [InlineData("Durable:Keys:0", "short", "Durable:Keys:0", "openssl rand -base64 32")]
    [InlineData("Durable:Store:DataDirectory", "/proc/durable", "Durable:Store:DataDirectory", "directory")]
    [InlineData("Durable:Store:MinReplicas", "1", "Durable:Store:MinReplicas", "Durable:Store:ConnectionString")]
    [InlineData("Durable:Store:MaxBytes", "1 MiB", "Durable:Store:MaxBytes", "16 MiB")]
    [InlineData("ReverseProxy:Routes:upstream:Metadata:Durable.Policy", "ordrs", "Durable.Policy", "default")]
    [InlineData("ReverseProxy:Routes:upstream:Metadata:Durable.RenamedFrom", "upstream", "Durable.RenamedFrom",
        "is a configured route")]
    [InlineData("ReverseProxy:Routes:upstream:Match:Path", "/{a", "ReverseProxy:Routes:upstream:Match:Path", "Invalid path")]
    [InlineData("ReverseProxy:Routes:upstream:Order", "first", "ReverseProxy:Routes:upstream:Order", "cannot be read")]
    [InlineData("ReverseProxy:Clusters:upstream:LoadBalancingPolicy", "Best", "ReverseProxy:Clusters:upstream:LoadBalancingPolicy",
        "ILoadBalancingPolicy")]
    [InlineData("ReverseProxy:Clusters:upstream:Metadata:Durable.MaxReplays", "0", "Durable.MaxReplays", "at least 1")]
    public async Task WrongValue(string key, string value, string named, string remedy)
    {
        var (status, error) = await RunAsync("--upstream", Upstream, $"--{key}={value}");
        AssertPlain(status, error, named, remedy);

        // A secret is not repeated, and an unknown key is wrong whatever its value.
        if (!key.Contains("Keys", StringComparison.Ordinal) && !key.EndsWith("Leese", StringComparison.Ordinal)
            && !value.Contains('=', StringComparison.Ordinal))
            Assert.Contains(value, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PortInUse()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var (status, error) = await RunAsync("--upstream", Upstream, $"--Durable:Listeners:Public=http://127.0.0.1:{port}");
        AssertPlain(status, error, $"127.0.0.1:{port}", "in use");
    }

    [Fact]
    public async Task NothingToProxy()
    {
        var (status, error) = await GatewayProcess.RunAsync();
        AssertPlain(status, error, "--upstream", "--config");
    }

    [Fact]
    public async Task UpstreamThatIsNoUrl()
    {
        var (status, error) = await RunAsync("--upstream", "localhost");
        AssertPlain(status, error, "localhost", "http://");
    }

    [Fact]
    public async Task ConfigThatIsNotThere()
    {
        var (status, error) = await RunAsync("--config", "/no/such/file.json");
        AssertPlain(status, error, "/no/such/file.json", "--config");
    }

    [Fact]
    public async Task EveryErrorIsListedAtOnce()
    {
        var (status, error) = await RunAsync("--upstream", Upstream, "--Durable:Lease=x", "--Durable:Policies:default:MaxSteps=-1");
        AssertPlain(status, error, "Durable:Lease", "Durable:Policies:default:MaxSteps");
    }

    private static Task<(int, string)> RunAsync(params string[] args) =>
        GatewayProcess.RunAsync(["--Durable:Listeners:Public=http://127.0.0.1:0",
            "--Durable:Listeners:Control=http://127.0.0.1:0", .. args]);

    private static void AssertPlain(int status, string error, params string[] words)
    {
        Assert.Equal(2, status);
        Assert.All(words, word => Assert.Contains(word, error, StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", error, StringComparison.Ordinal);
    }
}
