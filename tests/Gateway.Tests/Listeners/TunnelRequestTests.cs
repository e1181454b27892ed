using System.Text;
using DurableGateway.Listeners;

namespace DurableGateway.Tests.Listeners;

[Trait("Category", "Unit")]
public sealed class TunnelRequestTests
{
    [Theory]
    [InlineData("CONNECT a.internal:443 HTTP/1.1\nHost: a.internal:443\n\n")]
    [InlineData("CONNECT A.internal:443 HTTP/1.1\nHost: a.internal\nProxy-Connection: keep-alive\n\n")]
    [InlineData("CONNECT a.internal:443 HTTP/1.0\n\n")]
    [InlineData("CONNECT a.internal:443 HTTP/1.1\nHost: other\nContent-Length: 0\nUser-Agent: \tx\n\n")]
    public void Request_IsRead_AndTheTargetCounts(string head) => Assert.Equal(new TunnelRequest("a.internal", 443), Parse(head, out _));

    [Theory]
    [InlineData("CONNECT a.internal HTTP/1.1\n\n", "port")]
    [InlineData("CONNECT a.internal: HTTP/1.1\n\n", "port")]
    [InlineData("CONNECT http://a.internal:443 HTTP/1.1\n\n", "host")]
    [InlineData("CONNECT a.internal:443/x HTTP/1.1\n\n", "port")]
    [InlineData("CONNECT user@a.internal:443 HTTP/1.1\n\n", "user name")]
    [InlineData("CONNECT 0x7f000001:443 HTTP/1.1\n\n", "host")]
    [InlineData("CONNECT a.internal:443 HTTP/2\n\n", "valid HTTP")]
    [InlineData("CONNECT a.internal:443  HTTP/1.1\n\n", "valid HTTP")]
    [InlineData("CONNECT a.internal:443\n\n", "valid HTTP")]
    [InlineData("CONNECT a.internal:443 HTTP/1.1\nHost : a\n\n", "valid HTTP")]
    [InlineData("CONNECT a.internal:443 HTTP/1.1\n Host: a\n\n", "valid HTTP")]
    [InlineData("CONNECT a.internal:443 HTTP/1.1\nHost: a\n\tb\n\n", "valid HTTP")]
    [InlineData("CONNECT a.internal:443 HTTP/1.1\nno colon\n\n", "valid HTTP")]
    [InlineData("CONNECT a.internal:443 HTTP/1.1\nA: \0\n\n", "valid HTTP")]
    [InlineData("CONNECT a.internal:443 HTTP/1.1\nContent-Length: 5\n\n", "no content")]
    [InlineData("CONNECT a.internal:443 HTTP/1.1\ncontent-length: 0\nTransfer-Encoding: chunked\n\n", "no content")]
    public void OtherRequest_IsRefused(string head, string why)
    {
        Assert.Null(Parse(head, out var fault));
        Assert.Contains(why, fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("CONNECT a.internal:443 HTTP/1.1\r\nA: b\nContent-Length: 5\r\n\r\n")]
    [InlineData("CONNECT a.internal:443 HTTP/1.1\r\nA: b\rContent-Length: 5\r\n\r\n")]
    public void BareEndOfLine_IsRefused(string head) => Assert.Null(TunnelRequest.Parse(Encoding.Latin1.GetBytes(head), out _));

    private static TunnelRequest? Parse(string head, out string fault) =>
        TunnelRequest.Parse(Encoding.Latin1.GetBytes(head.Replace("\n", "\r\n", StringComparison.Ordinal)), out fault);
}
