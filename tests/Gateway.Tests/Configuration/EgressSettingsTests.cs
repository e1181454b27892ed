using DurableGateway.Configuration;
using DurableGateway.Protocol;

namespace DurableGateway.Tests.Configuration;

[Trait("Category", "Unit")]
public sealed class EgressSettingsTests
{
    [Theory]
    [InlineData("http://8.8.8.8:8082", "is a public address")]
    [InlineData("http://127.0.0.1:8080", "same port as Durable:Listeners:Public")]
    [InlineData("http://127.0.0.1:8081", "same port as Durable:Listeners:Control")]
    [InlineData("nonsense", "is not a listener")]
    public void WrongAddress_IsRefused(string address, string message) =>
        Assert.Contains(message, Errors(("Durable:Listeners:Egress", address)), StringComparison.Ordinal);

    [Theory]
    [InlineData("http://127.0.0.1:8082")]
    [InlineData("http://localhost:8082")]
    [InlineData("http://10.1.2.3:8082")]
    [InlineData("http://[fd00::1]:8082")]
    [InlineData("http://*:8082")]
    public void PrivateAddress_IsTaken(string address) => Assert.Equal("", Errors(("Durable:Listeners:Egress", address)));

    [Theory]
    [InlineData("AdvertisedAddress", "http://a:1")]
    [InlineData("Forward", "Any")]
    [InlineData("Deny:0", "10.0.0.0/8")]
    [InlineData("TunnelPorts:0", "443")]
    [InlineData("MaxTunnels", "1")]
    [InlineData("TunnelIdleTimeout", "00:01:00")]
    public void ForwardProxyWithoutAListener_IsRefused(string key, string value)
    {
        Assert.Contains("needs Durable:Listeners:Egress", Errors(($"Durable:Egress:{key}", value)), StringComparison.Ordinal);
        Assert.Equal("", Errors(("Durable:Listeners:Egress", "http://127.0.0.1:8082"), ($"Durable:Egress:{key}", value)));
    }

    [Theory]
    [InlineData("Forward", "Some", "is not one of Routes, Any")]
    [InlineData("Deny:0", "internal", "is neither an IP address nor a network")]
    [InlineData("TunnelPorts:0", "https", "is not a port")]
    [InlineData("TunnelPorts:0", "65536", "is not a port")]
    [InlineData("MaxTunnels", "-1", "is not a whole number")]
    [InlineData("TunnelIdleTimeout", "00:00:00", "is not a span of time")]
    [InlineData("Forwards", "x", "Forward")]
    public void WrongKeyOfTheForwardProxy_IsRefused(string key, string value, string message) => Assert.Contains(message,
        Errors(("Durable:Listeners:Egress", "http://127.0.0.1:8082"), ($"Durable:Egress:{key}", value)), StringComparison.Ordinal);

    /// <summary>The address is in a member of tracestate, whose value has 256 characters at most.</summary>
    [Fact]
    public void AddressThatDoesNotFitIntoTraceState_IsRefused()
    {
        var longest = "http://" + new string('a', Tokens.MaxEgressNode - 7);
        var keys = new KeyRing();
        keys.Load([new byte[KeyRing.KeyBytes]]);
        int LengthOf(string node) =>
            new Tokens(keys).ForEgress("tracestate", RunId.New(DateTimeOffset.UnixEpoch), new Fence(1, 1), node).Length;

        Assert.InRange(LengthOf(longest), 250, 256);
        Assert.True(LengthOf(longest + "aa") > 256);
        Assert.Equal("", Errors(("Durable:Listeners:Egress", "http://*:8082"), ("Durable:Egress:AdvertisedAddress", longest)));
        Assert.Contains("would not fit into a member of tracestate", Errors(
            ("Durable:Listeners:Egress", "http://*:8082"), ("Durable:Egress:AdvertisedAddress", longest + "a")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://*")]
    [InlineData("https://*/")]
    public void ClusterOfTheRequestedHost_IsForRoutesWithHostsOfTheEgressListener(string address)
    {
        (string, string)[] right =
        [
            ("Durable:Listeners:Egress", "http://127.0.0.1:8082"),
            ("ReverseProxy:Clusters:c:Destinations:one:Address", address),
            ("ReverseProxy:Routes:r:Match:Hosts:0", "*.internal"),
            ("ReverseProxy:Routes:r:Metadata:Durable.Step", "Remember"),
        ];

        Assert.Equal("", Errors(right));
        Assert.Contains("its routes need Durable.Step and Match:Hosts", Errors(right[..^1]), StringComparison.Ordinal);
        Assert.Contains("its routes need Durable.Step and Match:Hosts", Errors([.. right[..2], right[^1]]), StringComparison.Ordinal);
        Assert.Contains("the only destination", Errors([.. right, ("ReverseProxy:Clusters:c:Destinations:two:Address", "http://a")]),
            StringComparison.Ordinal);
        Assert.Contains("WebProxy", Errors([.. right, ("ReverseProxy:Clusters:c:HttpClient:WebProxy:Address", "http://a")]),
            StringComparison.Ordinal);
        Assert.Contains("cannot have HealthCheck:Active", Errors(
            [.. right, ("ReverseProxy:Clusters:c:HealthCheck:Active:Enabled", "true")]), StringComparison.Ordinal);
    }

    /// <summary>Connections of HTTP/3 do not pass the check of their address.</summary>
    [Theory]
    [InlineData("Version", "3", true)]
    [InlineData("Version", "3.0", true)]
    [InlineData("VersionPolicy", "RequestVersionOrHigher", true)]
    [InlineData("VersionPolicy", "requestversionorhigher", true)]
    [InlineData("VersionPolicy", "1", true)]
    [InlineData("Version", "2", false)]
    [InlineData("Version", "1.1", false)]
    [InlineData("VersionPolicy", "RequestVersionExact", false)]
    public void ClusterOfTheRequestedHost_HasNoHttp3(string key, string value, bool isRefused)
    {
        var errors = Errors(("Durable:Listeners:Egress", "http://127.0.0.1:8082"),
            ("ReverseProxy:Clusters:c:Destinations:one:Address", "https://*"), ($"ReverseProxy:Clusters:c:HttpRequest:{key}", value),
            ("ReverseProxy:Routes:r:Match:Hosts:0", "*.internal"), ("ReverseProxy:Routes:r:Metadata:Durable.Step", "Remember"));

        Assert.Equal(isRefused, errors.Contains("HTTP/3", StringComparison.Ordinal));
        if (!isRefused) Assert.Equal("", errors);
    }

    [Fact]
    public void NamesOfTheBuiltInRoute_AreTaken()
    {
        Assert.Contains("is the name of the built-in route", Errors(
            ("ReverseProxy:Routes:(any):ClusterId", "c")), StringComparison.Ordinal);
        Assert.Contains("is the name of the built-in cluster", Errors(
            ("ReverseProxy:Clusters:(Any):Destinations:one:Address", "http://a")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Durable.Step", "Sometimes", "is neither Remember nor Pass")]
    [InlineData("Durable.Step.Drift", "Perhaps", "is none of Remember, Execute, Fail")]
    [InlineData("Durable.Step.Drift", "1", "is none of Remember, Execute, Fail")]
    [InlineData("Durable.Step.Ignore", "requestedAt", "has 'requestedAt'")]
    [InlineData("Durable.Step.Ignore", "$.a..b", "has '$.a..b'")]
    [InlineData("Durable.Step.Methods", "P/ST", "has 'P/ST'")]
    [InlineData("Durable.Step.RetryStatuses", "200", "is not a list of status codes")]
    [InlineData("Durable.Step.Once", "maybe", "is neither true nor false")]
    [InlineData("Durable.Step.Retry", "3", "has '3', which is none of max-attempts=<number>")]
    [InlineData("Durable.Step.Retry", "", "has '', which is none of")]
    [InlineData("Durable.Step.Retry", "attempts=3", "has 'attempts=3', which is none of")]
    [InlineData("Durable.Step.Retry", "max-attempts=1", "has max-attempts='1', which is not a number from 2 to 100")]
    [InlineData("Durable.Step.Retry", "delay=00:00:01", "has delay='00:00:01', which is not a number of seconds")]
    [InlineData("Durable.Step.Retry", "max-delay=-1", "has max-delay='-1', which is not a number of seconds")]
    [InlineData("Durable.Step.Retry", "delay=2, max-delay=1", "has a delay that is longer than its max-delay")]
    [InlineData("Durable.Step.Retry", "backoff=cubic", "has backoff='cubic', which is none of exponential, linear, constant")]
    [InlineData("Durable.Policy", "default", "use a route for each")]
    [InlineData("Durable.Step.Retyr", "3", "Durable.Step.Retry")]
    public void WrongMetadata_IsRefused(string key, string value, string message) => Assert.Contains(message, Errors(
        ("Durable:Listeners:Egress", "http://127.0.0.1:8082"), ("ReverseProxy:Routes:r:Metadata:Durable.Step", "Remember"),
        ($"ReverseProxy:Routes:r:Metadata:{key}", value)), StringComparison.Ordinal);

    [Theory]
    [InlineData("max-attempts=5", 5, 0.2, 0.4)]
    [InlineData("delay=1, backoff=constant", 3, 1, 1)]
    [InlineData("backoff = linear,delay = 4 , max-delay=6", 3, 4, 6)]
    [InlineData("delay=60", 3, 60, 60)]
    public void Retry_HasDefaults(string text, int attempts, double first, double second)
    {
        var retry = StepRetry.Parse(text, fault => Assert.Fail(fault));

        Assert.Equal(attempts, retry.MaxAttempts);
        Assert.Equal(TimeSpan.FromSeconds(first), retry.DelayAfter(1, null, 1));
        Assert.Equal(TimeSpan.FromSeconds(second), retry.DelayAfter(2, null, 1));
        Assert.Equal(TimeSpan.FromMinutes(5), retry.DelayAfter(1, TimeSpan.FromMinutes(5), 1));
    }

    [Fact]
    public void RouteWithoutAListener_IsRefused() => Assert.Contains("no listener serves this route",
        Errors(("ReverseProxy:Routes:r:Metadata:Durable.Step", "Remember")), StringComparison.Ordinal);

    [Fact]
    public void RuleWithoutAStep_IsRefused() => Assert.Contains("has no effect without Durable.Step",
        Errors(("ReverseProxy:Routes:r:Metadata:Durable.Step.Once", "true")), StringComparison.Ordinal);

    private static string Errors(params (string Key, string Value)[] settings)
    {
        var errors = new List<ConfigurationError>();
        Dictionary<string, string?> all = new()
        {
            ["ReverseProxy:Routes:r:ClusterId"] = "c",
            ["ReverseProxy:Routes:r:Match:Path"] = "/{**rest}",
            ["ReverseProxy:Clusters:c:Destinations:one:Address"] = "http://a",
        };
        foreach (var (key, value) in settings) all[key] = value;
        SettingsBinder.Bind(new ConfigurationBuilder().AddInMemoryCollection(all).Build(), errors);
        return string.Join('\n', errors);
    }
}
