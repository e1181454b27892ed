using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>A response that declares a body and has none reaches the client without one, on every route and as a stored result.</summary>
public sealed class BodilessTests(Lanes lanes) : IClassFixture<Lanes>
{
    private const string Kept = "X-Kept: 1\r\n";

    public static TheoryData<string, string, string> Responses { get; } = new()
    {
        { "204 with a length", "GET", $"HTTP/1.1 204 No Content\r\n{Kept}Content-Length: 5\r\n\r\n" },
        { "204 with a body", "GET", $"HTTP/1.1 204 No Content\r\n{Kept}Content-Length: 5\r\nConnection: close\r\n\r\nhello" },
        { "204 with chunks", "DELETE",
            $"HTTP/1.1 204 No Content\r\n{Kept}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n" },
        { "204 with trailers", "GET", $"HTTP/1.1 204 No Content\r\n{Kept}Transfer-Encoding: chunked\r\nTrailer: X-T\r\n"
            + "Connection: close\r\n\r\n0\r\nX-T: 1\r\n\r\n" },
        { "205 with a body", "GET", $"HTTP/1.1 205 Reset Content\r\n{Kept}Content-Length: 5\r\n\r\nhello" },
        { "205 with chunks", "POST", $"HTTP/1.1 205 Reset Content\r\n{Kept}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" },
        { "205 with trailers", "GET",
            $"HTTP/1.1 205 Reset Content\r\n{Kept}Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n" },
        { "304 with a length", "GET", $"HTTP/1.1 304 Not Modified\r\n{Kept}Content-Length: 1234\r\n\r\n" },
        { "304 with chunks", "GET", $"HTTP/1.1 304 Not Modified\r\n{Kept}Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n" },
        { "HEAD with a length", "HEAD", $"HTTP/1.1 200 OK\r\n{Kept}Content-Length: 1234\r\n\r\n" },
        { "HEAD with chunks", "HEAD", $"HTTP/1.1 200 OK\r\n{Kept}Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n" },
        { "HEAD of a 204 with a length", "HEAD", $"HTTP/1.1 204 No Content\r\n{Kept}Content-Length: 5\r\n\r\n" },
        { "HEAD of a 205 with a length", "HEAD", $"HTTP/1.1 205 Reset Content\r\n{Kept}Content-Length: 5\r\n\r\n" },
    };

    [Theory]
    [MemberData(nameof(Responses))]
    public async Task Response_ReachesTheClient(string what, string method, string response)
    {
        Assert.NotNull(what);
        lanes.Service.Reply(response);

        var exchange = await lanes.SameAsync(Lanes.Head(method, "/r") + "\r\n");

        Assert.Equal((response.Split(' ')[1], "1"), (exchange.Received.Head.StartLine.Split(' ')[1], exchange.Received.Head["X-Kept"]));
        Assert.NotNull(exchange.Received.Head["Durable-Run-Id"]);
        Assert.Empty(exchange.Received.Body);

        // The length that the body would have (RFC 9110 §8.6).
        if (response.Contains("1234", StringComparison.Ordinal)) Assert.Equal("1234", exchange.Received.Head["Content-Length"]);
    }

    [Theory]
    [MemberData(nameof(Responses))]
    public async Task Response_OfAReplay_IsAResult(string what, string method, string response)
    {
        Assert.NotNull(what);
        lanes.Service.Reply("HTTP/1.1 503 Not now\r\nContent-Length: 0\r\n\r\n", response);

        await AssertResultAsync(method, response);
    }

    [Theory]
    [MemberData(nameof(Responses))]
    public async Task Response_OfAStoredRun_IsAResult(string what, string method, string response)
    {
        Assert.NotNull(what);
        lanes.Service.Reply(response);

        await AssertResultAsync(method, response, ("Prefer", "respond-async"));
    }

    /// <summary>The request does not ask for another protocol.</summary>
    [Theory]
    [InlineData(Lanes.Plain)]
    [InlineData(Lanes.Durable)]
    public async Task SwitchingProtocols_UnaskedFor_IsAFailureOfTheService(string lane)
    {
        lanes.Service.Reply("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n", RawService.Ok("home"));

        var exchange = await lanes.SendAsync(lane, Lanes.Get("/r"));

        Assert.Equal(lane == Lanes.Plain ? 502 : 303, exchange.Received.Head.Status);
    }

    private async Task AssertResultAsync(string method, string response, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "/r") { Headers = { Host = Lanes.HostOf(Lanes.Durable) } };
        foreach (var (name, value) in headers) request.Headers.Add(name, value);
        using var accepted = await lanes.Gateway.Client.SendAsync(request);
        Assert.True(accepted.StatusCode is HttpStatusCode.SeeOther or HttpStatusCode.Accepted, $"{accepted.StatusCode}");

        using var result = await lanes.Gateway.Follower.GetAsync(accepted.Headers.Location);

        Assert.Equal((response.Split(' ')[1], "1"), (((int)result.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture),
            result.Headers.GetValues("X-Kept").Single()));
        Assert.Equal("completed", result.Headers.GetValues("Durable-Status").Single());
        Assert.Empty(await result.Content.ReadAsByteArrayAsync());
    }
}
