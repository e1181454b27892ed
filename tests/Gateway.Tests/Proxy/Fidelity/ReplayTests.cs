using System.Globalization;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>A replay sends the same bytes as the live attempt.</summary>
public sealed class ReplayTests(Lanes lanes) : IClassFixture<Lanes>
{
    private const string Failure = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

    public static TheoryData<string, string> Requests { get; } = new()
    {
        { "GET", Lanes.Get("/r?x=1") },
        { "HEAD", Lanes.Head("HEAD", "/r") + "\r\n" },
        { "DELETE", Lanes.Head("DELETE", "/r") + "\r\n" },
        { "OPTIONS", Lanes.Head("OPTIONS", "/r") + "\r\n" },
        { "PROPFIND", Lanes.Head("PROPFIND", "/r", "Depth: 1", "Content-Length: 4") + "\r\n<a/>" },
        { "M-SEARCH", Lanes.Head("M-SEARCH", "/r") + "\r\n" },
        { "a method of its own", Lanes.Head("BREW", "/r") + "\r\n" },
        { "POST with no body", Lanes.Head("POST", "/r") + "\r\n" },
        { "POST of length zero", Lanes.Head("POST", "/r", "Content-Length: 0") + "\r\n" },
        { "PUT with a body", Lanes.Head("PUT", "/r", "Content-Type: a/b", "Content-Length: 5") + "\r\na\0\u00ff\r\n" },
        { "chunked", Lanes.Head("POST", "/r", "Transfer-Encoding: chunked") + "\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" },
        { "chunked and empty", Lanes.Head("POST", "/r", "Transfer-Encoding: chunked") + "\r\n0\r\n\r\n" },
        { "chunked, with trailers", Lanes.Head("POST", "/r", "Trailer: X-Sum", "Transfer-Encoding: chunked")
            + "\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n" },
        { "GET with a body", Lanes.Head("GET", "/r", "Content-Length: 3") + "\r\nabc" },
        { "Expect", Lanes.Head("PUT", "/r", "Expect: 100-continue", "Content-Length: 3") + "\r\nabc" },
        { "odd target", Lanes.Get("/@a%2Fb/%7E/%41/%zz/;x/[0]//c/./d?x=%2f&&y==#z") },
        { "dots", Lanes.Get("/a/../b/%2e%2e/c") },
        { "absolute target", Lanes.Get($"http://{Lanes.Host}/a%2Fb?c") },
        { "headers", Lanes.Get("/r", "X-Dup: 1", "X-Empty:", "X-Dup: 2", "x-dup: 3", "Accept: a/b", "Accept: c/d",
            "Cookie: a=1; b", "Cookie: c") },
        { "trace of the client's",
            Lanes.Get("/r", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate: v=1", "baggage: a=b") },
        { "invalid headers", Lanes.Get("/r", "User-Agent: (((", "Range: x", "If-Modified-Since: y", "X-Odd: \"a,  b\"") },
        { "content headers without content", Lanes.Get("/r", "Content-Type: text/x", "Content-Language: de", "Allow: X") },
        { "forwarded", Lanes.Get("/r", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https",
            "X-Forwarded-Host: h", "Forwarded: for=x") },
        { "hop headers", Lanes.Get("/r", "Connection: keep-alive, X-Hop", "Keep-Alive: 5", "X-Hop: 1", "TE: trailers") },
        { "Latin-1", Lanes.Get("/r", "X-Name: M\u00fcller \u00ff") },
        { "UTF-8", Lanes.Get("/r", "X-Name: M\u00c3\u00bcller \u00e2\u0082\u00ac") },
        { "HTTP/1.0", $"GET /r HTTP/1.0\r\nHost: {Lanes.Host}\r\n\r\n" },
        { "HTTP/1.0 with a body", $"POST /r HTTP/1.0\r\nHost: {Lanes.Host}\r\nContent-Length: 3\r\n\r\nabc" },
        { "large", Lanes.Head("PUT", "/r", "Content-Length: 4000000") + "\r\n" + new string('x', 4_000_000) },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Replay_IsWhatTheLiveAttemptWas(string what, string request)
    {
        var attempts = await AttemptsAsync(request, Failure, RawService.Ok(what));

        AssertSame(attempts[0], attempts[1]);
        Assert.Equal("1", attempts[0].Head["Durable-Attempt"]);
        Assert.Equal("2", attempts[1].Head["Durable-Attempt"]);
    }

    [Fact]
    public async Task Replay_AfterReplay_IsTheSameStill()
    {
        var attempts = await AttemptsAsync(Requests.Single(row => row.Data.Item1 == "headers").Data.Item2, Failure,
            Failure, Failure, RawService.Ok());

        Assert.Equal(4, attempts.Count);
        Assert.All(attempts, attempt => AssertSame(attempts[0], attempt));
    }

    [Theory]
    [InlineData(150, 10)]
    [InlineData(2, 15_000)]
    public async Task Replay_KeepsManyAndLargeHeaders(int count, int size)
    {
        var headers = Enumerable.Range(0, count)
            .Select(i => $"X-{i.ToString(CultureInfo.InvariantCulture)}: {new string('x', size)}").ToArray();

        var attempts = await AttemptsAsync(Lanes.Get("/r", headers), Failure, RawService.Ok());

        AssertSame(attempts[0], attempts[1]);
    }

    /// <summary>
    /// The response at the result URL is the response of the service. The gateway only hides the URL from other sites, and resolves what is
    /// relative to the URL of the request.
    /// </summary>
    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/x\r\nSet-Cookie: b=2, 3; path=/\r\nX-Empty:\r\nContent-Encoding: gzip\r\n"
        + "ETag: W/\"x\"\r\nContent-Length: 4\r\n\r\n\u001f\u008b\0\u00ff")]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno")]
    [InlineData("HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n")]
    [InlineData("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n")]
    [InlineData("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nX-Name: M\u00fcller\r\nServer: x\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 201 Created\r\nLocation: /a%2Fb\r\nContent-Length: 0\r\n\r\n")]
    public async Task Result_IsTheServicesResponse(string response)
    {
        lanes.Service.Reply(Failure, response);
        var redirect = await lanes.SendAsync(Lanes.Durable, Lanes.Get("/r"));
        Assert.Equal(303, redirect.Received.Head.Status);

        var result = await lanes.SendAsync(Lanes.Durable, Lanes.Get(redirect.Received.Head["Location"]!));

        // A page at this URL must not disclose the URL to other sites, and no cache may store the response.
        Assert.Equal(("no-referrer", "no-store"), (result.Received.Head["Referrer-Policy"], result.Received.Head["Cache-Control"]));
        await Lanes.AssertAsAnsweredAsync(response, result, "Referrer-Policy", "Cache-Control");
    }

    /// <summary>Some clients change every method to GET on a 303, and keep a length that has no body.</summary>
    [Fact]
    public async Task Result_OfAHead_CanBeFetchedWithGet()
    {
        lanes.Service.Reply(Failure, "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 123\r\n\r\n");
        var redirect = await lanes.SendAsync(Lanes.Durable, Lanes.Head("HEAD", "/r") + "\r\n");

        var result = await lanes.SendAsync(Lanes.Durable, Lanes.Get(redirect.Received.Head["Location"]!));

        Assert.Equal(200, result.Received.Head.Status);
        Assert.Equal("\"x\"", result.Received.Head["ETag"]);
        Assert.Empty(result.Received.Body);
    }

    private async Task<List<WireMessage>> AttemptsAsync(string request, params string[] responses)
    {
        lanes.Service.Seen.Clear();
        lanes.Service.Reply(responses);
        var exchange = await lanes.SendAsync(Lanes.Durable, request);
        Assert.Equal(303, exchange.Received.Head.Status);
        var method = exchange.Sent.Head.Method == "HEAD" ? "HEAD" : "GET";
        var result = await lanes.SendAsync(Lanes.Durable, Lanes.Head(method, exchange.Received.Head["Location"]!) + "\r\n");
        Assert.Equal(200, result.Received.Head.Status);
        return [.. lanes.Service.Seen];
    }

    private static void AssertSame(WireMessage live, WireMessage replay)
    {
        Assert.Equal(Lanes.Text(live, Lanes.Durable), Lanes.Text(replay, Lanes.Durable));
        Assert.True(live.Body.AsSpan().SequenceEqual(replay.Body), "The replay has another body.");
        Assert.Equal(Trace(live), Trace(replay));
        Assert.Equal(Baggage(live), Baggage(replay));
    }

    /// <summary>The trace continues: the trace id is the same, and the span is another.</summary>
    private static string? Trace(WireMessage message) => message.Head["traceparent"]?.Split('-')[1];

    /// <summary>.NET writes spaces around the equals sign if it writes the header itself.</summary>
    private static string? Baggage(WireMessage message) => message.Head["baggage"]?.Replace(" ", "", StringComparison.Ordinal);
}
