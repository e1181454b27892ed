using DurableGateway.Protocol;

namespace DurableGateway.Tests.Protocol;

[Trait("Category", "Unit")]
public sealed class StepIdTests
{
    [Theory]
    [InlineData("charge", "charge")]
    [InlineData("charge%232", "charge#2")]
    [InlineData("a%2Fb", "a/b")]
    [InlineData("a%2fb", "a/b")]
    [InlineData("gr%C3%B6%C3%9Fe", "größe")]
    [InlineData("%F0%9F%92%B8", "💸")]
    [InlineData("a+b%20c", "a+b c")]
    [InlineData("...", "...")]
    [InlineData(".a", ".a")]
    [InlineData("100%25", "100%")]
    [InlineData("%2525", "%25")]
    public void Encoded_IsDecodedOnce(string segment, string expected)
    {
        Assert.True(StepId.TryDecode(segment, out var id));
        Assert.Equal(expected, id);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("%2e")]
    [InlineData(".%2E")]
    [InlineData("a/b")]
    [InlineData("a b")]
    [InlineData("größe")]
    [InlineData("a\u007f")]
    [InlineData("%")]
    [InlineData("%4")]
    [InlineData("a%zz")]
    [InlineData("%u0041")]
    [InlineData("%C3")]
    [InlineData("%C3%28")]
    [InlineData("%C0%AF")]
    [InlineData("%ED%A0%80")]
    [InlineData("%F5%80%80%80")]
    public void Malformed_IsRefused(string segment) => Assert.False(StepId.TryDecode(segment, out _));

    [Fact]
    public void LimitIsInBytes_NotInCharacters()
    {
        Assert.True(StepId.TryDecode(new string('a', 256), out _));
        Assert.False(StepId.TryDecode(new string('a', 257), out _));
        Assert.True(StepId.TryDecode(string.Concat(Enumerable.Repeat("%C3%B6", 128)), out var id));
        Assert.Equal(128, id.Length);
        Assert.False(StepId.TryDecode(string.Concat(Enumerable.Repeat("%C3%B6", 128)) + "a", out _));
        Assert.False(StepId.TryDecode(string.Concat(Enumerable.Repeat("%61", 257)), out _));
    }

    [Fact]
    public void EveryStringRoundTrips_FromItsPercentEncoding()
    {
        foreach (var name in new[] { "a&b=c?d", "ends with %", "漢字", "a\nb", "\0" })
        {
            Assert.True(StepId.TryDecode(Uri.EscapeDataString(name), out var id));
            Assert.Equal(name, id);
        }
    }
}
