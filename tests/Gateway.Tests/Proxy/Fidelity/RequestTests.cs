using System.Globalization;
using System.Text;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>The service receives what the client sent, and the same on every kind of route.</summary>
public sealed class RequestTests(Lanes lanes) : IClassFixture<Lanes>
{
    [Theory]
    [InlineData("GET")]
    [InlineData("HEAD")]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    [InlineData("PROPFIND")]
    [InlineData("M-SEARCH")]
    [InlineData("BREW")]
    public async Task Method_ReachesTheService(string method)
    {
        lanes.Service.Reply(RawService.Ok());
        var withBody = method is "POST" or "PUT" or "PATCH" or "PROPFIND";

        var exchange = await lanes.SameAsync(Lanes.Head(method, "/a/b") + (withBody ? "Content-Length: 4\r\n\r\nbody" : "\r\n"));

        Lanes.AssertAsSent(exchange);
        Assert.Equal(200, exchange.Received.Head.Status);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/@scope%2Fpackage")]
    [InlineData("/@scope%2fpackage")]
    [InlineData("/%7Euser/~user")]
    [InlineData("/%41A%42")]
    [InlineData("/100%/%zz/%")]
    [InlineData("/a;v=1/b;x;/c")]
    [InlineData("/a[0]/b%5B0%5D")]
    [InlineData("/a%20b+c")]
    [InlineData("/a|b\"c\\d^e`f{g}<h>")]
    [InlineData("/%25%2525")]
    [InlineData("/%C3%A4/%E4/%ff")]
    [InlineData("/a.b/..c/d../...")]
    [InlineData("/a/./b/../c")]
    [InlineData("/a/%2e/b/%2E%2e/c")]
    [InlineData("//a///b//")]
    [InlineData("/a/b/")]
    [InlineData("/a:80/b@c/$d&e='f'(g)*h,!")]
    [InlineData("/?")]
    [InlineData("/a?")]
    [InlineData("/a??b?c")]
    [InlineData("/a?&&x&=y&z==&")]
    [InlineData("/a?x=1&x=2&X=3")]
    [InlineData("/a?x=%zz&y=%2f&z=%2F&w=a+b%20c")]
    [InlineData("/a?u=http://h/p?q#not")]
    [InlineData("/a?j={\"k\":[1,2]}|\\^`")]
    public async Task Target_ReachesTheServiceAsWritten(string target)
    {
        lanes.Service.Reply(RawService.Ok());

        Lanes.AssertAsSent(await lanes.SameAsync(Lanes.Get(target)));
    }

    [Fact]
    public async Task Target_OfManyBytes_ReachesTheService()
    {
        lanes.Service.Reply(RawService.Ok());

        Lanes.AssertAsSent(await lanes.SameAsync(Lanes.Get("/q?x=" + new string('x', 7000))));
    }

    [Fact]
    public async Task Target_InAbsoluteForm_ReachesTheServiceInOriginForm()
    {
        lanes.Service.Reply(RawService.Ok());

        var exchange = await lanes.SameAsync(Lanes.Get($"http://{Lanes.Host}/a%2Fb?c=d"));

        Assert.Equal("GET /a%2Fb?c=d HTTP/1.1", exchange.Seen?.Head.StartLine);
    }

    [Fact]
    public async Task Target_OptionsAsterisk_IsTreatedAlike()
    {
        lanes.Service.Reply(RawService.Ok());

        await lanes.SameAsync(Lanes.Head("OPTIONS", "*") + "\r\n");
    }

    /// <summary>A tunnel is for a forward proxy. The gateway neither sends nor retries such a request.</summary>
    [Theory]
    [InlineData(Lanes.Plain)]
    [InlineData(Lanes.Durable)]
    public async Task Connect_IsRefused(string lane)
    {
        lanes.Service.Reply(RawService.Ok());

        var exchange = await lanes.SendAsync(lane, $"CONNECT {Lanes.Host}:443 HTTP/1.1\r\nHost: {Lanes.Host}:443\r\n\r\n");

        Assert.Equal(501, exchange.Received.Head.Status);
        Assert.DoesNotContain(lanes.Service.Seen, message => message.Head.Method == "CONNECT");
    }

    public static TheoryData<string, string[]> Headers { get; } = new()
    {
        { "duplicates keep their order", ["X-Dup: 1", "X-Other: o", "x-dup: 2", "X-DUP: 3", "Accept: a/b", "Accept: c/d;q=0.5"] },
        { "one header with commas", ["X-List: a,b ,  c", "Accept-Language: de, en;q=0.7,*;q=0.1"] },
        { "empty value", ["X-Empty:", "X-Blank:   ", "X-After: 1"] },
        { "empty among duplicates", ["X-Dup: a", "X-Dup:", "X-Dup: b"] },
        { "quotes and spaces within", ["X-Odd: \"a, b\"; c=\\\"d   e\ttab", "If-None-Match: W/\"x\", \"y\""] },
        { "cookies", ["Cookie: a=1; b=\"2, 3\"; c=", "Cookie: d=4"] },
        { "invalid for their name", ["If-Modified-Since: yesterday", "User-Agent: (((", "Accept: ///", "Range: pages=x"] },
        { "conditional and range",
            ["If-Match: *", "If-Range: \"e\"", "Range: bytes=0-3,-5", "If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT"] },
        { "authorization", ["Authorization: Basic YTpi", "X-Api-Key: k=="] },
        { "no user agent is added", [] },
        { "user agent as it is", ["User-Agent: svn/1.14 (x) neon/0.1,  y"] },
        { "encodings as they are", ["Accept-Encoding: zstd, br;q=0.5", "Accept-Charset: x"] },
        { "names with odd characters", ["X_Under: 1", "x.dot: 2", "X!#$%&'*+-.^_`|~: 3"] },
        { "content headers without content", ["Content-Type: text/x", "Content-Language: de", "Content-Encoding: br", "Allow: X"] },
        { "referer, origin and via", ["Referer: http://r/a?b", "Origin: null", "Via: 1.0 fred", "Max-Forwards: 7", "From: a@b"] },
        { "Latin-1 bytes", ["X-Name: M\u00fcller \u00a3 \u00ff", "X-After: 1"] },
        { "UTF-8 bytes", ["X-Name: M\u00c3\u00bcller \u00e2\u0082\u00ac"] },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public async Task Headers_ReachTheService(string what, string[] headers)
    {
        lanes.Service.Reply(RawService.Ok(what));

        Lanes.AssertAsSent(await lanes.SameAsync(Lanes.Get("/h", headers)));
    }

    [Fact]
    public async Task Headers_Of30Kilobytes_ReachTheService()
    {
        lanes.Service.Reply(RawService.Ok());

        Lanes.AssertAsSent(await lanes.SameAsync(Lanes.Get("/h", "X-Big: " + new string('b', 15_000),
            "X-Large: " + new string('l', 15_000))));
    }

    [Fact]
    public async Task Headers_150OfThem_ReachTheService()
    {
        lanes.Service.Reply(RawService.Ok());
        var headers = Enumerable.Range(0, 150).Select(i => $"X-{i.ToString(CultureInfo.InvariantCulture)}: {i}").ToArray();

        Lanes.AssertAsSent(await lanes.SameAsync(Lanes.Get("/h", headers)));
    }

    [Fact]
    public async Task Host_ReachesTheService()
    {
        lanes.Service.Reply(RawService.Ok());

        var exchange = await lanes.SameAsync(Lanes.Get("/h"));

        Assert.Equal([Lanes.HostOf(Lanes.Durable)], exchange.Seen!.Head.Values("Host"));
    }

    [Fact]
    public async Task Durable_HeadersOfAClient_AreRemovedOnEveryRoute()
    {
        lanes.Service.Reply(RawService.Ok());

        var exchange = await lanes.SameAsync(Lanes.Get("/h", "Durable-Token: forged", "durable-anything: x",
            "Durable_Steps: forged", "X-Durable: y"));

        Assert.Equal("y", exchange.Seen!.Head["X-Durable"]);
        Assert.Null(exchange.Seen.Head["Durable-Anything"]);
        Assert.Null(exchange.Seen.Head["Durable_Steps"]);
        Assert.NotEqual("forged", exchange.Seen.Head["Durable-Token"]);
    }

    [Fact]
    public async Task Hop_HeadersOfTheClient_StayOnTheirHop()
    {
        lanes.Service.Reply(RawService.Ok());

        var exchange = await lanes.SameAsync(Lanes.Get("/h", "Connection: keep-alive, X-Hop", "Keep-Alive: timeout=5", "X-Hop: 1",
            "X-End: 2", "Proxy-Connection: x"));

        Assert.Equal("2", exchange.Seen!.Head["X-End"]);
        Assert.Null(exchange.Seen.Head["Keep-Alive"]);
        Assert.Null(exchange.Seen.Head["Proxy-Connection"]);
    }

    /// <summary>What is needed to read the message stays, whatever <c>Connection</c> says.</summary>
    [Fact]
    public async Task Header_ThatTheClientNamesInConnection_StaysOnItsHop()
    {
        lanes.Service.Reply(RawService.Ok());

        var exchange = await lanes.SameAsync(Lanes.Head("POST", "/h", "Connection: X-Hop, x-other,X-Absent",
            "Connection: Host, Content-Length", "X-Hop: 1", "X-Other: 2", "X-Other: 3", "X-End: 4", "Content-Length: 4") + "\r\nbody");

        Assert.Null(exchange.Seen!.Head["X-Hop"]);
        Assert.Null(exchange.Seen.Head["X-Other"]);
        Assert.Equal("4", exchange.Seen.Head["X-End"]);
        Assert.Equal("4", exchange.Seen.Head["Content-Length"]);
        Assert.Equal("body", Encoding.Latin1.GetString(exchange.Seen.Body));
    }

    public static TheoryData<string, string> Bodies { get; } = new()
    {
        { "with a length", "Content-Length: 5\r\n\r\na\0\u00ff\r\n" },
        { "of length zero", "Content-Length: 0\r\n\r\n" },
        { "chunked", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" },
        { "chunked with extensions", "Transfer-Encoding: chunked\r\n\r\n03;a=b;c=\"d\"\r\nabc\r\n0000A;x\r\n0123456789\r\n0;last\r\n\r\n" },
        { "chunked and empty", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
        { "chunked, with trailers", "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n" },
        { "chunked and empty, with trailers", "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\nX-Name: M\u00fcller\r\n\r\n" },
        { "what looks like the end of one in chunks",
            "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\nX-Sum: 1\r\n\r\n" },
        { "gzip", "Content-Encoding: gzip\r\nContent-Type: application/x\r\nContent-Length: 6\r\n\r\n\u001f\u008b\u0008\0\0x" },
        { "form", "Content-Type: application/x-www-form-urlencoded\r\nContent-MD5: x\r\nContent-Length: 11\r\n\r\na=%20b&c=+d" },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task Body_ReachesTheService(string what, string rest)
    {
        lanes.Service.Reply(RawService.Ok(what));

        var exchange = await lanes.SameAsync(Lanes.Head("POST", "/b") + rest);

        Lanes.AssertAsSent(exchange);
        Assert.Equal(exchange.Sent.Head["Transfer-Encoding"], exchange.Seen!.Head["Transfer-Encoding"]);
    }

    /// <summary>Trailers must not set fields that a service uses before it reads the body.</summary>
    [Fact]
    public async Task Trailers_ThatNoneMayBe_AreRemoved()
    {
        lanes.Service.Reply(RawService.Ok());

        var exchange = await lanes.SameAsync(Lanes.Head("POST", "/b", "Transfer-Encoding: chunked")
            + "\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nHost: h\r\nAuthorization: x\r\nX-Forwarded-For: 192.0.2.1\r\n"
            + "Durable-Token: x\r\nTransfer-Encoding: x\r\n\r\n");

        Assert.Equal(["X-Sum: 1"], exchange.Seen!.Trailers);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("DELETE")]
    [InlineData("PROPFIND")]
    public async Task Body_OfAMethodThatSeldomHasOne_ReachesTheService(string method)
    {
        lanes.Service.Reply(RawService.Ok());

        Lanes.AssertAsSent(await lanes.SameAsync(Lanes.Head(method, "/b", "Content-Length: 3") + "\r\nabc"));
    }

    [Fact]
    public async Task Body_Of20Megabytes_ReachesTheService()
    {
        lanes.Service.Reply(RawService.Ok());
        var body = new StringBuilder();
        while (body.Length < 20_000_000) body.Append(CultureInfo.InvariantCulture, $"line {body.Length}\r\n");

        Lanes.AssertAsSent(await lanes.SameAsync(Lanes.Head("PUT", "/b", $"Content-Length: {body.Length}") + "\r\n" + body));
    }
}
