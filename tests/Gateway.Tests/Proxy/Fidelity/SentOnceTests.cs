using System.Collections.Concurrent;
using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>The tests with a service without TLS.</summary>
public sealed class SentOnceTests(SentOnceTests.Gateway gateway) : SentOnceRules(gateway.Lanes), IClassFixture<SentOnceTests.Gateway>
{
    public sealed class Gateway() : ClosingLanes(new RawService());
}

/// <summary>The tests with a service with TLS.</summary>
public sealed class SentOnceWithTlsTests(SentOnceWithTlsTests.Gateway gateway)
    : SentOnceRules(gateway.Lanes), IClassFixture<SentOnceWithTlsTests.Gateway>
{
    public sealed class Gateway() : ClosingLanes(new RawService(Make.Certificate("service")));
}

/// <summary>A gateway whose policy allows two attempts.</summary>
public abstract class ClosingLanes : IAsyncLifetime
{
    private protected ClosingLanes(RawService service) => Lanes = new Lanes(
        service, "Durable:Policies:default:Retry:MaxAttempts=2",
        "ReverseProxy:Clusters:upstream:HttpClient:DangerousAcceptAnyServerCertificate=true");

    public Lanes Lanes { get; }

    public ValueTask InitializeAsync() => Lanes.InitializeAsync();

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return Lanes.DisposeAsync();
    }
}

/// <summary>
/// A service that reads a request and closes the connection without a response may have executed it. Each attempt reaches the service once,
/// for every method, on a new connection and on a reused one.
/// </summary>
public abstract class SentOnceRules
{
    private static readonly string[] Methods = ["GET", "HEAD", "DELETE", "OPTIONS", "LOCK", "POST", "PUT"];

    private readonly Lanes _lanes;
    private readonly ConcurrentQueue<WireHead> _seen = new();

    private protected SentOnceRules(Lanes lanes)
    {
        _lanes = lanes;
        lanes.Service.Handler = async (wire, head) =>
        {
            if (head.Target == "/warm")
            {
                await wire.WriteAsync(RawService.Ok());
                return;
            }

            // As if the server was killed: the connection ends without a response.
            _seen.Enqueue(head);
            wire.Close();
        };
    }

    public static TheoryData<string, string> Requests { get; } = new(
        from method in Methods from lane in new[] { Lanes.Plain, Lanes.Disabled, Lanes.Durable } select (method, lane));

    public static TheoryData<string> Kinds { get; } = [Lanes.Plain, Lanes.Disabled, Lanes.Durable];

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Request_ThatIsNotAnswered_IsSentOnceInEachAttempt(string method, string lane)
    {
        var request = Lanes.Head(method, "/r") + (method is "POST" or "PUT" ? "Content-Length: 0\r\n\r\n" : "\r\n");
        var onANewConnection = await _lanes.SendAsync(lane, request);
        await AssertEachOnceAsync(onANewConnection, lane);

        await _lanes.SendAsync(lane, Lanes.Get("/warm"));
        var onAKeptOne = await _lanes.SendAsync(lane, request);
        await AssertEachOnceAsync(onAKeptOne, lane);
    }

    /// <summary>.NET's client also repeats a request that waits for <c>100 Continue</c>, although the service has its head.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Request_ThatExpectsToContinue_IsSentOnceInEachAttempt(string lane)
    {
        // The body follows without 100 Continue, as from a client that does not wait for it.
        var exchange = await _lanes.SendAsync(lane,
            Lanes.Head("POST", "/r", "Content-Length: 2000", "Expect: 100-continue") + "\r\n" + new string('x', 2000));

        await AssertEachOnceAsync(exchange, lane);
    }

    /// <summary>Over HTTP/2, a request whose head ends the stream has no body.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Request_OfAClientOfHttp2_IsSentOnceInEachAttempt(string lane)
    {
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false })
        {
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using var request = new HttpRequestMessage(HttpMethod.Delete, new Uri(_lanes.Gateway.Public, "/r"))
        {
            Headers = { Host = Lanes.HostOf(lane) }
        };
        using var response = await client.SendAsync(request);
        if (lane == Lanes.Durable) await FollowAsync(response.Headers.Location!.OriginalString);

        AssertEachOnce(lane);
    }

    /// <summary>A request that was not sent may be sent again: a connection that was closed while idle costs no attempt.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Request_OnAConnectionThatWasClosedBefore_IsSentOnAnother(string lane)
    {
        var gone = new SemaphoreSlim(0);
        _lanes.Service.Handler = async (wire, head) =>
        {
            _seen.Enqueue(head);
            await wire.WriteAsync(RawService.Ok());
            wire.Close();
            gone.Release();
        };
        for (var i = 0; i < 5; i++)
        {
            var exchange = await _lanes.SendAsync(lane, Lanes.Get("/idle"));
            Assert.Equal(200, exchange.Received.Head.Status);
            Assert.True(await gone.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        }

        Assert.Equal(5, _seen.Count);
    }

    private async Task AssertEachOnceAsync(Exchange exchange, string lane)
    {
        if (lane == Lanes.Durable)
        {
            Assert.Equal(303, exchange.Received.Head.Status);
            await FollowAsync(exchange.Received.Head["Location"]!);
        }
        else
        {
            Assert.Equal(502, exchange.Received.Head.Status);
        }

        AssertEachOnce(lane);
    }

    private void AssertEachOnce(string lane)
    {
        string?[] expected = lane == Lanes.Durable ? ["1", "2"] : [null];
        Assert.Equal(expected, _seen.Select(head => head["Durable-Attempt"]));
        _seen.Clear();
    }

    /// <summary>When the run has ended, the last attempt has ended too.</summary>
    private async Task FollowAsync(string location)
    {
        using var result = await _lanes.Gateway.Follower.GetAsync(location);
        Assert.Equal(HttpStatusCode.BadGateway, result.StatusCode);
    }
}
