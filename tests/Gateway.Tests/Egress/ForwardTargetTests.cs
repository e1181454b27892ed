using DurableGateway.Http;

namespace DurableGateway.Tests.Egress;

[Trait("Category", "Unit")]
public sealed class ForwardTargetTests
{
    [Theory]
    [InlineData("http://payments.internal/charges?a=1", "payments.internal", 80, "/charges?a=1", "payments.internal")]
    [InlineData("http://payments.internal", "payments.internal", 80, "/", "payments.internal")]
    [InlineData("http://payments.internal?a=1", "payments.internal", 80, "/?a=1", "payments.internal")]
    [InlineData("http://Payments.Internal:8080/A%2fb", "payments.internal", 8080, "/A%2fb", "payments.internal:8080")]
    [InlineData("http://payments.internal:80/", "payments.internal", 80, "/", "payments.internal")]
    [InlineData("http://10.0.0.7:9/x", "10.0.0.7", 9, "/x", "10.0.0.7:9")]
    [InlineData("http://[FD00::1]:9/x", "fd00::1", 9, "/x", "[fd00::1]:9")]
    [InlineData("http://a_b.internal./x", "a_b.internal.", 80, "/x", "a_b.internal.")]
    [InlineData("http://payments.internal//../x", "payments.internal", 80, "//../x", "payments.internal")]
    public void Target_IsRead(string target, string host, int port, string path, string authority)
    {
        var read = ForwardTarget.Parse(target, out _)!;

        Assert.Equal((host, port, path, authority), (read.Host, read.Port, read.PathAndQuery, read.Authority));
        Assert.True(ForwardTarget.IsAbsolute(target));
        Assert.Equal(read, ForwardTarget.Parse(read.ToString(), out _));
    }

    [Theory]
    [InlineData("https://payments.internal/", "https://")]
    [InlineData("ftp://payments.internal/", "not an http:// URL")]
    [InlineData("http:payments.internal/", "not an http:// URL")]
    [InlineData("http:/payments.internal/", "not an http:// URL")]
    [InlineData("http://user@payments.internal/", "user name")]
    [InlineData("http://user:word@payments.internal/", "user name")]
    [InlineData("http://payments.internal:80@169.254.169.254/", "user name")]
    [InlineData("http://payments.internal\\@evil/", "characters")]
    [InlineData("http://payments.internal#@evil/", "characters")]
    [InlineData("http://payments.internal/a\\..\\b", "characters")]
    [InlineData("http://payments.internal/é", "characters")]
    [InlineData("http://payments.internal:/", "port")]
    [InlineData("http://payments.internal:0/", "port")]
    [InlineData("http://payments.internal:65536/", "port")]
    [InlineData("http://payments.internal:+80/", "port")]
    [InlineData("http://payments.internal:80:81/", "host")]
    [InlineData("http:///x", "host")]
    [InlineData("http://:80/x", "host")]
    [InlineData("http://./x", "host")]
    [InlineData("http://a..b/x", "host")]
    [InlineData("http://pay%6dents/", "host")]
    [InlineData("http://2852039166/", "host")]
    [InlineData("http://0xa9fea9fe/", "host")]
    [InlineData("http://0xa9.0xfe.0xa9.0xfe/", "host")]
    [InlineData("http://0251.0376.0251.0376/", "host")]
    [InlineData("http://169.254.43518/", "host")]
    [InlineData("http://169.254.169.254./", "host")]
    [InlineData("http://127.1/", "host")]
    [InlineData("http://[::1/", "host")]
    [InlineData("http://[fe80::1%25eth0]/", "host")]
    [InlineData("http://[127.0.0.1]/", "host")]
    [InlineData("http://[::1]x/", "port")]
    public void TargetThatMayBeReadInTwoWays_IsRefused(string target, string why)
    {
        Assert.Null(ForwardTarget.Parse(target, out var fault));
        Assert.Contains(why, fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/http://payments.internal/")]
    [InlineData("*")]
    [InlineData("payments.internal:443")]
    public void OtherForms_AreNotAbsolute(string target) => Assert.False(ForwardTarget.IsAbsolute(target));
}
