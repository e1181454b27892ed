using System.Globalization;
using System.Text;
using DurableGateway.Tests.Listeners;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>The client receives what the service answered, and the same on every kind of route.</summary>
/// <remarks>
/// Trailers that the service did not announce with <c>Trailer</c> reach only HTTP/2 clients: see <see cref="Http2Tests"/>.
/// </remarks>
public sealed class ResponseTests(Lanes lanes) : IClassFixture<Lanes>
{
    private const string Created = "Date: Sun, 06 Nov 1994 08:49:37 GMT";

    public static TheoryData<string, string> Responses { get; } = new()
    {
        { "duplicate Set-Cookie", RawService.Ok("ok", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2, 3", "Set-Cookie: a=4") },
        { "duplicates keep their order",
            RawService.Ok("ok", "X-Dup: 2", "X-Other: o", "x-dup: 1", "WWW-Authenticate: A", "WWW-Authenticate: B r=\"x, y\"") },
        { "empty values", RawService.Ok("ok", "X-Empty:", "X-Dup: a", "X-Dup:", "X-Dup: b") },
        { "Latin-1 bytes", RawService.Ok("ok", "X-Name: M\u00fcller \u00a3 \u00ff",
            "Content-Disposition: attachment; filename=\"\u00e4.txt\"") },
        { "UTF-8 bytes", RawService.Ok("ok", "X-Name: M\u00c3\u00bcller \u00e2\u0082\u00ac") },
        { "gzip is untouched", RawService.Ok("\u001f\u008b\u0008\0\0x", "Content-Encoding: gzip",
            "Vary: Accept-Encoding", "ETag: W/\"x\"") },
        { "the service's own Server", RawService.Ok("ok", "Server: Apache/2.4 (Unix)", "X-Powered-By: PHP", "Via: 1.1 x") },
        { "invalid for their name", RawService.Ok("ok", "Expires: -1", "Last-Modified: never", "Content-Type: x", "Age: old", "Allow: ") },
        { "location as it is", RawService.Ok("ok", "Location: http://127.0.0.1/%2F?a b|c",
            "Content-Location: /x%2fy", "Refresh: 0; url=/") },
        { "DAV and others", RawService.Ok("ok", "DAV: 1, 2,<http://x/y>", "MS-Author-Via: DAV", "Lock-Token: <opaque:1>") },
        { "no body, length zero", RawService.Ok("") },
        { "every byte", RawService.Ok(new string([.. Enumerable.Range(0, 256).Select(i => (char)i)])) },
        { "a phrase of its own", "HTTP/1.1 200 Fine by me\r\nContent-Length: 2\r\n\r\nok" },
        { "201 with location", "HTTP/1.1 201 Created\r\nLocation: /a%2Fb\r\nContent-Length: 0\r\n\r\n" },
        { "204", "HTTP/1.1 204 No Content\r\nETag: \"x\"\r\n\r\n" },
        { "206", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nAccept-Ranges: bytes\r\nContent-Length: 2\r\n\r\nok" },
        { "206 multipart",
            "HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=b\r\nContent-Length: 6\r\n\r\n--b--\n" },
        { "207", "HTTP/1.1 207 Multi-Status\r\nContent-Type: application/xml\r\nContent-Length: 4\r\n\r\n<a/>" },
        { "301", "HTTP/1.1 301 Moved Permanently\r\nLocation: ../x?y#z\r\nContent-Length: 0\r\n\r\n" },
        { "304", "HTTP/1.1 304 Not Modified\r\nETag: W/\"x\"\r\nCache-Control: max-age=1\r\n\r\n" },
        { "401", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\nContent-Length: 2\r\n\r\nno" },
        { "404", "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno" },
        { "416", "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */9\r\nContent-Length: 0\r\n\r\n" },
        { "418", "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n" },
        { "429", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n" },
        { "501", "HTTP/1.1 501 Not Implemented\r\nContent-Length: 2\r\n\r\nno" },
        { "599", "HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n" },
        { "chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n" },
        { "chunked and empty", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
        { "chunked, with trailers", "HTTP/1.1 200 OK\r\nTrailer: X-Sum, X-More\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
            + "X-Sum: 1\r\nX-More: 2\r\n\r\n" },
        { "events, with trailers",
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "9\r\ndata: a\n\n\r\n0\r\nX-Sum: 1\r\n\r\n" },
    };

    [Fact]
    public async Task Header_ThatTheServiceNamesInConnection_StaysOnItsHop()
    {
        lanes.Service.Reply(RawService.Ok("ok", "Connection: X-Hop, Content-Length", "X-Hop: 1", "X-End: 2"));

        var exchange = await lanes.SameAsync(Lanes.Get("/h"));

        Assert.Null(exchange.Received.Head["X-Hop"]);
        Assert.Equal("2", exchange.Received.Head["X-End"]);
        Assert.Equal("2", exchange.Received.Head["Content-Length"]);
    }

    [Theory]
    [MemberData(nameof(Responses))]
    public async Task Response_ReachesTheClient(string what, string response)
    {
        lanes.Service.Reply(response);

        var exchange = await lanes.SameAsync(Lanes.Get("/r", "TE: trailers", "X-What: " + what));

        await Lanes.AssertAsAnsweredAsync(response, exchange);
    }

    /// <summary>An unfinished response with trailers also gets no last chunk.</summary>
    [Theory]
    [InlineData(Lanes.Plain, "3\r\nabc\r\n")]
    [InlineData(Lanes.Durable, "3\r\nabc\r\n")]
    [InlineData(Lanes.Durable, "")]
    public async Task Trailers_OfAResponseCutShort_AreNotMadeUp(string lane, string sent)
    {
        lanes.Service.Handler = async (wire, _) =>
        {
            lanes.Service.Reply(RawService.Ok("later"));
            await wire.WriteAsync("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n" + sent);
            wire.Close();
        };
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);
        await client.WriteAsync(Lanes.Get("/t").Replace(Lanes.Host, Lanes.HostOf(lane), StringComparison.Ordinal));

        WireMessage? whole = null;
        try
        {
            if (await client.ReadHeadAsync() is { } head) whole = await client.ReadRestAsync(head);
        }
        catch (IOException)
        {
            // The connection was cut, as expected.
        }

        Assert.True(whole is null or { Head.Status: 303, Body.Length: 0 }, $"The client got a whole response: {whole?.Head.StartLine}");
    }

    [Fact]
    public async Task Head_KeepsTheLengthOfTheBodyThatIsNotThere()
    {
        const string response = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 123456\r\n\r\n";
        lanes.Service.Reply(response);

        await Lanes.AssertAsAnsweredAsync(response, await lanes.SameAsync(Lanes.Head("HEAD", "/r") + "\r\n"));
    }

    [Fact]
    public async Task Date_IsTheServices()
    {
        lanes.Service.Reply(RawService.Ok("ok", Created));

        var exchange = await lanes.SameAsync(Lanes.Get("/r"));

        Assert.Equal("Sun, 06 Nov 1994 08:49:37 GMT", Assert.Single(exchange.Received.Head.Values("Date")));
    }

    [Fact]
    public async Task Server_IsNotNamedWhereTheServiceNamesNone()
    {
        lanes.Service.Reply(RawService.Ok());

        Assert.Null((await lanes.SameAsync(Lanes.Get("/r"))).Received.Head["Server"]);
    }

    [Fact]
    public async Task Durable_HeadersOfTheService_AreRemovedOnTheDurableRoute()
    {
        lanes.Service.Reply(RawService.Ok("ok", "Durable-Retry: ?0", "Durable-Other: x"));

        var exchange = await lanes.SendAsync(Lanes.Durable, Lanes.Get("/r"));

        Assert.Equal("Durable-Run-Id",
            WireHead.Name(Assert.Single(exchange.Received.Head.Lines, line => line.StartsWith("Durable-", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task Headers_Of30Kilobytes_ReachTheClient()
    {
        var response = RawService.Ok("ok", "X-Big: " + new string('b', 15_000), "X-Large: " + new string('l', 15_000));
        lanes.Service.Reply(response);

        await Lanes.AssertAsAnsweredAsync(response, await lanes.SameAsync(Lanes.Get("/r")));
    }

    [Fact]
    public async Task Headers_150OfThem_ReachTheClient()
    {
        var response = RawService.Ok("ok", [.. Enumerable.Range(0, 150).Select(i => $"X-{i.ToString(CultureInfo.InvariantCulture)}: {i}")]);
        lanes.Service.Reply(response);

        await Lanes.AssertAsAnsweredAsync(response, await lanes.SameAsync(Lanes.Get("/r")));
    }

    [Theory]
    [InlineData("Content-Length: 20000000\r\n\r\n", "")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n1312D00\r\n", "\r\n0\r\n\r\n")]
    public async Task Body_Of20Megabytes_ReachesTheClient(string before, string after)
    {
        var body = new StringBuilder();
        while (body.Length < 20_000_000) body.Append(CultureInfo.InvariantCulture, $"line {body.Length}\r\n");
        var response = $"HTTP/1.1 200 OK\r\n{before}{body.ToString(0, 20_000_000)}{after}";
        lanes.Service.Reply(response);

        await Lanes.AssertAsAnsweredAsync(response, await lanes.SameAsync(Lanes.Get("/r")));
    }

    [Fact]
    public async Task Failure_ThatIsFinal_ReachesTheClientAsItIs()
    {
        const string response = "HTTP/1.1 503 Never mind\r\nDurable-Retry: ?0\r\nX-Why: so\r\nContent-Length: 2\r\n\r\nno";
        lanes.Service.Reply(response);

        await Lanes.AssertAsAnsweredAsync(response, await lanes.SendAsync(Lanes.Durable, Lanes.Get("/r")));
    }

    /// <summary>A service that closes a kept-alive connection without notice, as services with short timeouts do.</summary>
    [Fact]
    public async Task Service_ThatClosesAnIdleConnection_ServesTheNextRequest()
    {
        // A request that is sent while the service closes may be lost with the connection. This request is sent later.
        using var closed = new SemaphoreSlim(0);
        lanes.Service.Handler = async (wire, head) =>
        {
            await lanes.Service.RecordAsync(wire, head);
            await wire.WriteAsync(RawService.Ok("old"));
            wire.Close();
            closed.Release();
        };

        for (var i = 0; i < 10; i++)
        {
            foreach (var lane in new[] { Lanes.Plain, Lanes.Durable })
            {
                Assert.Equal("old", (await lanes.SendAsync(lane, Lanes.Get("/r"))).Received.Text);
                await closed.WaitAsync();
            }
        }
    }

    [Fact]
    public async Task Client_OfHttp10_GetsTheSame()
    {
        lanes.Service.Reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");

        var exchange = await lanes.SameAsync($"GET /r HTTP/1.0\r\nHost: {Lanes.Host}\r\n\r\n");

        Assert.Equal("abc", exchange.Received.Text);
    }
}
