using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>
/// A chunked response that also declares a length ends with its last chunk (RFC 9112 §6.3). It is complete, and the request is sent once.
/// </summary>
public sealed class ChunkedLengthTests(Lanes lanes) : IClassFixture<Lanes>
{
    public static TheoryData<int> Lengths { get; } = [0, 3, 5, 500];

    [Theory]
    [MemberData(nameof(Lengths))]
    public async Task Response_ReachesTheClient(int length)
    {
        lanes.Service.Reply(Response(length));

        var exchange = await lanes.SameAsync(Lanes.Get("/r"));

        Assert.Equal((200, "hello"), (exchange.Received.Head.Status, exchange.Received.Text));
        Assert.Null(exchange.Received.Head["Content-Length"]);
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public async Task Response_OfAReplay_IsTheResult(int length)
    {
        lanes.Service.Seen.Clear();
        lanes.Service.Reply("HTTP/1.1 503 Not now\r\nContent-Length: 0\r\n\r\n", Response(length));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/replayed") { Headers = { Host = Lanes.HostOf(Lanes.Durable) } };

        using var answer = await lanes.Gateway.Follower.SendAsync(request).WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal((HttpStatusCode.OK, "hello"), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        Assert.Equal(2, lanes.Service.Seen.Count(message => message.Head.Target == "/replayed"));
    }

    private static string Response(int length) =>
        $"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"
        + "hello\r\n0\r\n\r\n";
}
