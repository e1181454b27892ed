using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Attacks;

/// <summary>
/// Requests that two servers in a row may cut up differently (RFC 9112 §11.2). The gateway refuses them, or passes on exactly one request
/// that leaves no doubt where it ends; what is hidden in them never arrives as a request of its own.
/// </summary>
public sealed class SmugglingTests
{
    // {pp} and {the-host} are as long as what comes in their place, so that lengths can be reckoned here.
    private const string Smuggled = "GET {pp}-smuggled HTTP/1.1\r\nHost: {the-host}\r\nConnection: close\r\n\r\n";
    private const string Close = "Connection: close\r\n";

    /// <summary>Refused, and nothing is passed on.</summary>
    private static readonly (string What, string Bytes)[] Refused =
    [
        ("two different lengths",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nContent-Length: 0\r\nContent-Length: {Smuggled.Length}\r\n\r\n{Smuggled}"),
        ("two lengths in one line", "POST {pp} HTTP/1.1\r\nHost: {the-host}\r\nContent-Length: 5, 5\r\n\r\nhello"),
        ("a negative length", "POST {pp} HTTP/1.1\r\nHost: {the-host}\r\nContent-Length: -1\r\n\r\nhello"),
        ("a hexadecimal length", "POST {pp} HTTP/1.1\r\nHost: {the-host}\r\nContent-Length: 0x5\r\n\r\nhello"),
        ("a length beyond 64 bits", "POST {pp} HTTP/1.1\r\nHost: {the-host}\r\nContent-Length: 99999999999999999999\r\n\r\nhello"),
        ("an empty length", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nContent-Length: \r\n\r\n{Smuggled}"),
        ("a length with a word", "POST {pp} HTTP/1.1\r\nHost: {the-host}\r\nContent-Length: 5 five\r\n\r\nhello"),
        ("a folded header",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nX-Fold: a\r\n Content-Length: {Smuggled.Length}\r\n\r\n{Smuggled}"),
        ("a folded encoding", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n{Smuggled}"),
        ("a space before the colon", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nContent-Length : {Smuggled.Length}\r\n\r\n{Smuggled}"),
        ("a tab before the colon",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n{Smuggled}"),
        ("a space before the first header", $"POST {{pp}} HTTP/1.1\r\n Host: {{the-host}}\r\nContent-Length: 0\r\n\r\n{Smuggled}"),
        ("a header without a name", "POST {pp} HTTP/1.1\r\nHost: {the-host}\r\n: value\r\n\r\n"),
        ("a header without a colon", "POST {pp} HTTP/1.1\r\nHost: {the-host}\r\nContent-Length 5\r\n\r\nhello"),
        ("a NUL in a value", "GET {pp} HTTP/1.1\r\nHost: {the-host}\r\nX-Own: a\0b\r\n\r\n"),
        ("a NUL in the target", "GET {pp}\0 HTTP/1.1\r\nHost: {the-host}\r\n\r\n"),
        ("a bare CR in a value", $"GET {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nX-Own: a\rContent-Length: 5\r\n\r\n{Smuggled}"),
        ("an encoding that is none",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{Smuggled}"),
        ("the identity as encoding",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n{Smuggled}"),
        ("chunks that are encoded again",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{Smuggled}"),
        ("a vertical tab before chunked",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: \u000bchunked\r\n\r\n0\r\n\r\n{Smuggled}"),
        ("chunked in quotes", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n{Smuggled}"),
        ("a negative chunk",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n{Smuggled}"),
        ("a chunk with a prefix",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n{Smuggled}"),
        ("a chunk beyond 64 bits", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"
            + $"x\r\n0\r\n\r\n{Smuggled}"),
        ("a chunk without a size",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked\r\n\r\n;a=b\r\nx\r\n0\r\n\r\n{Smuggled}"),
        ("a chunk longer than its size",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n{Smuggled}"),
        ("a bare LF after the size",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n{Smuggled}"),
        ("a bare LF after the chunk",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n{Smuggled}"),
        ("another host in the target", "GET http://other.test{pp} HTTP/1.1\r\nHost: {the-host}\r\n" + Close + "\r\n"),
        ("two hosts", "GET {pp} HTTP/1.1\r\nHost: {the-host}\r\nHost: other.test\r\n" + Close + "\r\n"),
        ("no host", "GET {pp} HTTP/1.1\r\n" + Close + "\r\n"),
        ("a host with a user", "GET {pp} HTTP/1.1\r\nHost: {the-host}@other.test\r\n" + Close + "\r\n"),
        ("a host with a path", "GET {pp} HTTP/1.1\r\nHost: {the-host}/path\r\n" + Close + "\r\n"),
        ("a version that there is not", "GET {pp} HTTP/1.2\r\nHost: {the-host}\r\n" + Close + "\r\n"),
        ("no version", "GET {pp}\r\nHost: {the-host}\r\n" + Close + "\r\n"),
        ("a space within the target", "GET {pp} x HTTP/1.1\r\nHost: {the-host}\r\n" + Close + "\r\n"),
        ("a method with a colon", "GE:T {pp} HTTP/1.1\r\nHost: {the-host}\r\n" + Close + "\r\n"),
    ];

    /// <summary>Passed on as one request, or refused: what one server may read in it that another does not is gone.</summary>
    private static readonly (string What, string Bytes)[] One =
    [
        ("chunks by HTTP/1.0", $"POST {{pp}} HTTP/1.0\r\nHost: {{the-host}}\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n"
            + $"Content-Length: {Smuggled.Length + 5}\r\n\r\n0\r\n\r\n{Smuggled}"),
        ("a length with a sign", "POST {pp} HTTP/1.1\r\nHost: {the-host}\r\nContent-Length: +5\r\nConnection: close\r\n\r\nhello"),
        ("a length beside chunks", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\n"
            + $"Content-Length: {Smuggled.Length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{Smuggled}"),
        ("chunks beside a length", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked\r\n"
            + $"Content-Length: 4\r\n\r\n{Smuggled.Length:x}\r\n{Smuggled}\r\n0\r\n\r\n"),
        ("chunked twice", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
            + $"chunked\r\n{Close}\r\n0\r\n\r\n{Smuggled}"),
        ("chunked in capitals", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: "
            + $"CHUNKED\r\n{Close}\r\n{Smuggled.Length:X}\r\n{Smuggled}\r\n0\r\n\r\n"),
        ("a chunk with an extension",
            $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked\r\n{Close}\r\n1;a=\"\r\nx\r\n0\r\n\r\n{Smuggled}"),
        ("a bare LF in a head", $"GET {{pp}} HTTP/1.1\nHost: {{the-host}}\r\nX-Own: a\nContent-Length: 0\r\n{Close}\r\n{Smuggled}"),
        ("a body of a GET", $"GET {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nContent-Length: {Smuggled.Length}\r\n{Close}\r\n{Smuggled}"),
        ("a length that is of the hop", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nContent-Length: {Smuggled.Length}\r\nConnection: "
            + $"close, Content-Length\r\n\r\n{Smuggled}"),
        ("chunks that are of the hop", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked\r\nConnection: close, "
            + $"Transfer-Encoding\r\n\r\n{Smuggled.Length:x}\r\n{Smuggled}\r\n0\r\n\r\n"),
        ("a length in a trailer", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nTransfer-Encoding: chunked\r\n{Close}\r\n0\r\n"
            + $"Content-Length: {Smuggled.Length}\r\n\r\n{Smuggled}"),
        ("HTTP/1.0 that wants to stay",
            $"POST {{pp}} HTTP/1.0\r\nHost: {{the-host}}\r\nContent-Length: {Smuggled.Length}\r\n\r\n{Smuggled}{Smuggled}"),
        ("an upgrade that the service refuses", $"GET {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nConnection: Upgrade, close\r\n"
            + $"Upgrade: websocket\r\nSec-WebSocket-Version: 777\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n{Smuggled}"),
        ("an upgrade to HTTP/2", $"GET {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
            + $"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n{Smuggled}"),
        ("an expectation", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\nExpect: 100-continue\r\n"
            + $"Content-Length: {Smuggled.Length}\r\n{Close}\r\n{Smuggled}"),
        ("a header that has the name of another for who reads no dashes", $"POST {{pp}} HTTP/1.1\r\nHost: {{the-host}}\r\n"
            + $"Transfer_Encoding: chunked\r\nContent-Length: {Smuggled.Length}\r\n{Close}\r\n{Smuggled}"),
    ];

    [Theory]
    [InlineData(Lanes.Plain)]
    [InlineData(Lanes.Durable)]
    public async Task Shapes_AreRefused(string lane)
    {
        await using var world = await RawWorld.StartAsync();
        await world.EachAsync(Refused, lane, (status, seen) => (status is 0 or (>= 400 and < 500) or 505) && seen == 0);
    }

    [Theory]
    [InlineData(Lanes.Plain)]
    [InlineData(Lanes.Durable)]
    public async Task Shapes_AreOneRequestAtMost(string lane)
    {
        await using var world = await RawWorld.StartAsync();
        await world.EachAsync(One, lane, (status, seen) => status is 200 ? seen == 1 : (status is >= 400 and < 500 && seen == 0));
    }

    /// <summary>A request whose body never ends is none: what came of it is not replayed either.</summary>
    [Fact]
    public async Task HalfARequest_IsNoRun()
    {
        await using var world = await RawWorld.StartAsync();
        using (var wire = await Wire.ConnectAsync(world.Lanes.Gateway.Public))
            await wire.WriteAsync($"POST /half HTTP/1.1\r\nHost: {Lanes.HostOf(Lanes.Durable)}\r\nContent-Length: 100\r\nIdempotency-Key: "
                + "half\r\n\r\nGET /half-smuggled HTTP/1.1\r\n\r\n");
        using var next = await Wire.ConnectAsync(world.Lanes.Gateway.Public);
        await next.WriteAsync($"GET /half-next HTTP/1.1\r\nHost: {Lanes.HostOf(Lanes.Durable)}\r\nConnection: close\r\n\r\n");
        Assert.Equal(200, (await next.ReadHeadAsync())!.Status);
        Assert.DoesNotContain(world.Heads, head => head.Target is "/half" or "/half-smuggled");
    }

    /// <summary>Three lanes to a service of bytes, and clocks that end what does not end.</summary>
    private sealed class RawWorld : IAsyncDisposable
    {
        public Lanes Lanes { get; } = new(new RawService(), "Durable:Limits:KeepAliveTimeout=00:00:01",
            "Durable:Limits:RequestHeadersTimeout=00:00:01",
            "Durable:Limits:MinRequestBodyDataRate=100 KiB", "Durable:Limits:DataRateGracePeriod=00:00:02");

        public ConcurrentQueue<WireHead> Heads { get; } = new();

        private readonly ConcurrentQueue<WireMessage> _whole = new();

        public static async Task<RawWorld> StartAsync()
        {
            var world = new RawWorld();
            await world.Lanes.InitializeAsync();
            world.Lanes.Service.Handler = async (wire, head) =>
            {
                world.Heads.Enqueue(head);
                world._whole.Enqueue(await world.Lanes.Service.RecordAsync(wire, head));
                await wire.WriteAsync(RawService.Ok());
            };
            return world;
        }

        public async Task EachAsync((string What, string Bytes)[] shapes, string lane, Func<int, int, bool> isRight)
        {
            var wrong = await Task.WhenAll(shapes.Select(async (shape, i) =>
            {
                var path = string.Create(CultureInfo.InvariantCulture, $"/n{i:00}");
                var status = await SendAsync(shape.Bytes.Replace("{pp}", path, StringComparison.Ordinal).Replace("{the-host}",
                    Lanes.HostOf(lane), StringComparison.Ordinal));
                var seen = _whole.Count(message => message.Head.Target == path);
                return Heads.Any(head => head.Target == path + "-smuggled") ? $"{shape.What}: what is hidden in it was passed on."
                    : Heads.Any(head => head.Target == path
                        && head.Values("Content-Length").Count() + head.Values("Transfer-Encoding").Count() > 1)
                    ? $"{shape.What}: it is passed on with two ends."
                    : isRight(status, seen) ? null
                    : $"{shape.What}: answered {status}, {seen} passed on.";
            }));
            Assert.Empty(wrong.OfType<string>());
        }

        public ValueTask DisposeAsync() => Lanes.DisposeAsync();

        /// <returns>The first status; 0 where the connection was closed without one.</returns>
        private async Task<int> SendAsync(string bytes)
        {
            using var wire = await Wire.ConnectAsync(Lanes.Gateway.Public);
            try
            {
                await wire.WriteAsync(Encoding.Latin1.GetBytes(bytes));
                var head = await wire.ReadHeadAsync();
                while (head is { Status: < 200 }) head = await wire.ReadHeadAsync();
                if (head is null) return 0;
                while ((await wire.ReadSomeAsync()).Length > 0)
                {
                    // Until the connection ends: by then all that was on it has been understood, one way or the other.
                }

                return head.Status;
            }
            catch (IOException)
            {
                return 0;
            }
        }
    }
}
