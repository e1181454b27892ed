using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Listeners;

/// <summary>HTTP/2 without TLS on the port of HTTP/1.1, and offers of other protocols.</summary>
public sealed class UpgradeTests(Lanes lanes) : IClassFixture<Lanes>
{
    public static TheoryData<string> Kinds { get; } = [Lanes.Plain, Lanes.Disabled, Lanes.Durable];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Client_ThatBeginsWithHttp2_IsUnderstood(string lane)
    {
        lanes.Service.Reply(RawService.Ok("ok", "X-Dup: 1", "X-Dup: 2"));
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = lanes.Gateway.Public };
        var tag = Guid.NewGuid().ToString();
        using var request = new HttpRequestMessage(HttpMethod.Put, "/h2?x=%2f")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([1, 0, 0xff]),
            Headers = { Host = Lanes.HostOf(lane) },
        };
        request.Headers.Add("X-Tag", tag);

        using var response = await client.SendAsync(request);

        Assert.Equal((HttpStatusCode.OK, HttpVersion.Version20), (response.StatusCode, response.Version));
        Assert.Equal("ok", await response.Content.ReadAsStringAsync());
        Assert.Equal(["1", "2"], response.Headers.GetValues("X-Dup"));
        Assert.Equal(lane == Lanes.Durable, response.Headers.Contains("Durable-Run-Id"));
        var seen = lanes.Service.Seen.Single(message => message.Head["X-Tag"] == tag);
        Assert.Equal("PUT /h2?x=%2f HTTP/1.1", seen.Head.StartLine);
        Assert.Equal(Lanes.HostOf(lane), seen.Head["Host"]);
        Assert.Equal([1, 0, 0xff], seen.Body);
    }

    /// <summary>What looks like HTTP/2 for a while, in as many pieces as there are bytes.</summary>
    [Theory]
    [InlineData("PRI /x HTTP/1.1\r\nHost: {host}\r\n\r\n")]
    [InlineData("PUT /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n")]
    public async Task Method_ThatBeginsLikeThePreface_IsARequest(string request)
    {
        lanes.Service.Reply(RawService.Ok());
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);

        foreach (var character in request.Replace(Lanes.Host, Lanes.HostOf(Lanes.Durable), StringComparison.Ordinal))
            await client.WriteAsync($"{character}");

        Assert.Equal(200, (await client.ReadHeadAsync())!.Status);
    }

    /// <summary>Clients of Java offer h2c with every request, and curl does with <c>--http2</c>: a durable request stays one.</summary>
    [Theory]
    [InlineData("h2c", "GET")]
    [InlineData("h2c", "POST")]
    [InlineData("TLS/1.2", "GET")]
    public async Task Offer_ThatIsNotTakenUp_LeavesTheRequestDurable(string protocol, string method)
    {
        lanes.Service.Reply("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", RawService.Ok("later"));
        var body = method == "POST" ? "Content-Length: 4\r\n\r\nbody" : "\r\n";

        var redirect = await lanes.SendAsync(Lanes.Durable,
            Lanes.Head(method, "/u", "Connection: Upgrade, HTTP2-Settings", $"Upgrade: {protocol}", "HTTP2-Settings: AAMAAABkAAQAAP__")
                + body);

        Assert.Equal(303, redirect.Received.Head.Status);
        Assert.Equal("later", (await lanes.SendAsync(Lanes.Durable, Lanes.Get(redirect.Received.Head["Location"]!))).Received.Text);
    }
}
