using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Attacks;

/// <summary>
/// What HTTP/2 can carry and HTTP/1.1 cannot (RFC 9113 §8.2.1, §10.3), sent as bare frames: line ends within names and values, lengths that
/// do not fit, framing of the other version. The service, which speaks HTTP/1.1, gets one request or none.
/// </summary>
public sealed class Http2SmugglingTests(Lanes lanes) : IClassFixture<Lanes>
{
    private const string Smuggled = "GET /smuggled HTTP/1.1\r\nHost: plain.test\r\n\r\n";

    private static readonly (string Name, string Value)[] Usual = [(":method", "POST"), (":scheme", "http"),
        (":path", "/n"), (":authority", "plain.test")];

    public static TheoryData<string> Cases => [.. Shapes.Keys];

    private static Dictionary<string, ((string Name, string Value)[] Headers, string Body)> Shapes { get; } = new()
    {
        ["line ends in a value"] = ([.. Usual, ("x-own", $"a\r\nContent-Length: 0\r\n\r\n{Smuggled}")], "x"),
        ["a bare LF in a value"] = ([.. Usual, ("x-own", $"a\n\n{Smuggled}")], "x"),
        ["a NUL in a value"] = ([.. Usual, ("x-own", "a\0b")], "x"),
        ["line ends in a name"] = ([.. Usual, ($"x-own: a\r\n\r\n{Smuggled}x", "b")], "x"),
        ["a colon in a name"] = ([.. Usual, ("transfer-encoding: chunked\r\nx", "b")], "0\r\n\r\n" + Smuggled),
        ["a name in capitals"] = ([.. Usual, ("Content-Length", "0")], Smuggled),
        ["line ends in the path"] = ([(":method", "POST"), (":scheme", "http"),
            (":path", $"/n HTTP/1.1\r\nHost: plain.test\r\n\r\n{Smuggled}"), (":authority", "plain.test")], "x"),
        ["a space in the path"] = ([(":method", "POST"), (":scheme", "http"), (":path", "/n /smuggled"),
            (":authority", "plain.test")], "x"),
        ["line ends in the method"] = ([(":method", $"{Smuggled}POST"), (":scheme", "http"), (":path", "/n"),
            (":authority", "plain.test")], "x"),
        ["line ends in the authority"] = ([(":method", "POST"), (":scheme", "http"), (":path", "/n"),
            (":authority", $"plain.test\r\n\r\n{Smuggled}")], "x"),
        ["another host than the authority"] = ([.. Usual, ("host", "other.test")], "x"),
        ["chunks within frames"] = ([.. Usual, ("transfer-encoding", "chunked")], $"0\r\n\r\n{Smuggled}"),
        ["a length that is too small"] = ([.. Usual, ("content-length", "0")], Smuggled),
        ["a length that is too large"] = ([.. Usual, ("content-length", "1000")], Smuggled),
        ["two lengths"] = ([.. Usual, ("content-length", "1"), ("content-length", "2")], "xx"),
        ["a header of the connection"] = ([.. Usual, ("connection", "keep-alive, content-length")], Smuggled),
        ["a pseudo header twice"] = ([.. Usual, (":path", "/smuggled")], "x"),
        ["a pseudo header that is none"] = ([.. Usual, (":status", "200")], "x"),
        ["a pseudo header too late"] = ([(":method", "POST"), (":scheme", "http"), ("x-own", "a"), (":path", "/n"),
            (":authority", "plain.test")], "x"),
        ["no path"] = ([(":method", "POST"), (":scheme", "http"), (":authority", "plain.test")], "x"),
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Shape_IsOneRequestOrNone(string what)
    {
        var (headers, body) = Shapes[what];
        var seen = await SendAsync(headers, body);
        Assert.DoesNotContain(seen, head => head.Target.Contains("smuggled", StringComparison.Ordinal));
        Assert.True(seen.Count <= 1, $"{seen.Count} requests");
        Assert.All(seen, head =>
        {
            Assert.Equal(("POST", "/n"), (head.Method, head.Target));
            Assert.True(head.Values("Content-Length").Count() + head.Values("Transfer-Encoding").Count() <= 1,
                "It is passed on with two ends.");
            Assert.Single(head.Values("Host"));
        });
    }

    /// <summary>The frames that these tests write are otherwise in order.</summary>
    [Fact]
    public async Task Request_WithNothingWrong_Arrives() =>
        Assert.Equal("/n", Assert.Single(await SendAsync([.. Usual, ("content-length", "5")], "hello")).Target);

    /// <returns>What the service saw by the time that the gateway had answered.</returns>
    private async Task<ConcurrentQueue<WireHead>> SendAsync((string Name, string Value)[] headers, string body)
    {
        var seen = new ConcurrentQueue<WireHead>();
        lanes.Service.Handler = async (wire, head) =>
        {
            seen.Enqueue(head);
            await lanes.Service.RecordAsync(wire, head);
            await wire.WriteAsync(RawService.Ok());
        };
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, lanes.Gateway.Public.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync((byte[])[.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(4, 0, 0, []), .. Frame(1, 4, 1, Block(headers)),
            .. Frame(0, 1, 1, Encoding.Latin1.GetBytes(body))]);
        await EndOfStreamAsync(stream).WaitAsync(World.Patience);
        return seen;
    }

    /// <summary>Reads frames until the gateway has answered the request, refused it, or hung up.</summary>
    private static async Task EndOfStreamAsync(NetworkStream stream)
    {
        var head = new byte[9];
        try
        {
            while (true)
            {
                await stream.ReadExactlyAsync(head);
                await stream.ReadExactlyAsync(new byte[(head[0] << 16) | (head[1] << 8) | head[2]]);
                if (head[3] is 1 or 3 or 7 && (head[3] == 7 || head[8] == 1)) return;
            }
        }
        catch (IOException)
        {
            // It hung up.
        }
    }

    private static byte[] Frame(byte type, byte flags, int streamId, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        (frame[0], frame[1], frame[2], frame[3], frame[4]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8),
            (byte)payload.Length, type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), streamId);
        payload.CopyTo(frame, 9);
        return frame;
    }

    /// <summary>Literals without indexing and without Huffman coding (RFC 7541 §6.2.2).</summary>
    private static byte[] Block((string Name, string Value)[] headers) =>
        [.. headers.SelectMany(header => (byte[])[0, .. Literal(header.Name), .. Literal(header.Value)])];

    private static byte[] Literal(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        return bytes.Length < 127 ? [(byte)bytes.Length, .. bytes] : [127, (byte)(bytes.Length - 127), .. bytes];
    }
}
