using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>Which <c>X-Forwarded-*</c> headers reach the service, on every kind of route, in a live attempt and in a replay.</summary>
public sealed class ForwardedTests : IAsyncDisposable
{
    private const string Failure = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

    private static readonly string[] Claims =
    [
        "X-Forwarded-For: 192.0.2.1, 192.0.2.2", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example", "X-Forwarded-Prefix: /shop",
        "X-Forwarded-Port: 443", "X_Forwarded_For: 192.0.2.3", "Forwarded: for=192.0.2.1;proto=https",
    ];

    private readonly RawService _service = new();

    public ValueTask DisposeAsync() => _service.DisposeAsync();

    [Theory]
    [InlineData]
    [InlineData("192.0.2.0/24")]
    [InlineData("127.0.0.2", "::1")]
    public async Task Anybody_IsNotBelieved(params string[] trusted)
    {
        await using var lanes = new Lanes(_service, Settings(trusted));
        await lanes.InitializeAsync();
        _service.Reply(RawService.Ok());

        var seen = (await lanes.SameAsync(Lanes.Get("/f", Claims))).Seen!.Head;

        Assert.Equal(["127.0.0.1"], seen.Values("X-Forwarded-For"));
        Assert.Equal(["http"], seen.Values("X-Forwarded-Proto"));
        Assert.Equal([Lanes.HostOf(Lanes.Durable)], seen.Values("X-Forwarded-Host"));
        Assert.Null(seen["X-Forwarded-Prefix"]);
        Assert.Null(seen["X-Forwarded-Port"]);
        Assert.Null(seen["X_Forwarded_For"]);
        Assert.Null(seen["Forwarded"]);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("10.0.0.0/8", "127.0.0.0/8")]
    public async Task TrustedProxy_IsGoneOnWith(params string[] trusted)
    {
        await using var lanes = new Lanes(_service, Settings(trusted));
        await lanes.InitializeAsync();
        _service.Reply(RawService.Ok());

        var seen = (await lanes.SameAsync(Lanes.Get("/f", Claims))).Seen!.Head;

        AssertContinued(seen);
    }

    [Theory]
    [InlineData]
    [InlineData("127.0.0.1")]
    public async Task Replay_SaysWhatTheLiveAttemptSaid(params string[] trusted)
    {
        await using var lanes = new Lanes(_service, Settings(trusted));
        await lanes.InitializeAsync();
        _service.Reply(Failure, RawService.Ok());

        var redirect = await lanes.SendAsync(Lanes.Durable, Lanes.Get("/f", Claims));
        await lanes.SendAsync(Lanes.Durable, Lanes.Get(redirect.Received.Head["Location"]!));

        Assert.Equal(2, _service.Seen.Count);
        var seen = _service.Seen.ToArray();
        Assert.Equal(Lanes.Text(seen[0], Lanes.Durable), Lanes.Text(seen[1], Lanes.Durable));
        if (trusted.Length > 0) AssertContinued(seen[1].Head);
        else Assert.Equal("127.0.0.1", seen[1].Head["X-Forwarded-For"]);
    }

    /// <summary>By default, the public listener accepts IPv6 and IPv4, and shows IPv4 addresses as IPv6 addresses.</summary>
    [Fact]
    public async Task Listener_OfBothFamilies_KnowsIPv4Addresses()
    {
        await using var lanes = new Lanes(_service, ["Durable:Listeners:Public=http://*:0", .. Settings(["127.0.0.0/8"])]);
        await lanes.InitializeAsync();
        _service.Reply(RawService.Ok());

        AssertContinued((await lanes.SameAsync(Lanes.Get("/f", Claims))).Seen!.Head);
    }

    /// <summary>YARP's transforms of a route override the default.</summary>
    [Fact]
    public async Task Route_WithTransformsOfItsOwn_KeepsThem()
    {
        await using var lanes = new Lanes(_service,
            ["ReverseProxy:Routes:durab:Transforms:0:X-Forwarded=Off", "ReverseProxy:Routes:durab:Transforms:0:HeaderPrefix=X-Forwarded-"]);
        await lanes.InitializeAsync();
        _service.Reply(RawService.Ok());

        var seen = (await lanes.SendAsync(Lanes.Durable, Lanes.Get("/f", Claims))).Seen!.Head;

        Assert.Equal("192.0.2.1, 192.0.2.2", seen["X-Forwarded-For"]);
        Assert.Equal("443", seen["X-Forwarded-Port"]);
    }

    private static void AssertContinued(WireHead seen)
    {
        Assert.Equal("192.0.2.1, 192.0.2.2, 127.0.0.1", string.Join(", ", seen.Values("X-Forwarded-For")));
        Assert.Equal("https, http", string.Join(", ", seen.Values("X-Forwarded-Proto")));
        Assert.Equal($"shop.example, {Lanes.HostOf(Lanes.Durable)}", string.Join(", ", seen.Values("X-Forwarded-Host")));
        Assert.Equal("/shop", seen["X-Forwarded-Prefix"]);
        Assert.Equal("443", seen["X-Forwarded-Port"]);
        Assert.Equal("for=192.0.2.1;proto=https", seen["Forwarded"]);
    }

    private static string[] Settings(string[] trusted) => [.. trusted.Select((network, i) => $"Durable:TrustedProxies:{i}={network}")];
}
