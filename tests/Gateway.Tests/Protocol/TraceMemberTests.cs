using DurableGateway.Protocol;

namespace DurableGateway.Tests.Protocol;

/// <summary>The gateway's members of <c>tracestate</c> and <c>baggage</c>, beside those of others.</summary>
[Trait("Category", "Unit")]
public sealed class TraceMemberTests
{
    [Theory]
    [InlineData("", "durable=v")]
    [InlineData("a=1,b=2", "durable=v,a=1,b=2")]
    [InlineData("a=1, durable=old ,b=2", "durable=v,a=1,b=2")]
    [InlineData("a=1,nonsense,=2,B=3,b=4=5", "durable=v,a=1")]
    [InlineData(" , ,", "durable=v")]
    [InlineData("durablex=1,tenant@durable=2", "durable=v,durablex=1,tenant@durable=2")]
    public void Put_KeepsOtherMembers_AndDropsMalformedOnes(string field, string expected) =>
        Assert.Equal(expected, TraceState.Put(field, "v"));

    [Fact]
    public void Put_KeepsTheLimitOfMembers()
    {
        var put = TraceState.Put(string.Join(',', Enumerable.Range(0, 32).Select(i => $"a{i}=1")), "v");

        Assert.Equal(32, put.Split(',').Length);
        Assert.StartsWith("durable=v,a0=1,", put, StringComparison.Ordinal);
    }

    [Fact]
    public void Put_KeepsTheLimitOfLength_AndDropsLongMembersFirst()
    {
        var large = "big=" + new string('x', 200);
        var put = TraceState.Put(string.Join(',', Enumerable.Range(0, 10).Select(i => $"a{i}=" + new string('x', 30)).Prepend(large)), "v");

        Assert.True(put.Length <= 512);
        Assert.DoesNotContain("big", put, StringComparison.Ordinal);
        Assert.Equal(11, put.Split(',').Length);
    }

    [Theory]
    [InlineData("a=1,durable=v,b=2", "a=1,b=2")]
    [InlineData("durable=v", "")]
    [InlineData("a=1, b=2,,nonsense", "a=1, b=2,,nonsense")]
    public void Remove_ChangesNothingElse(string field, string expected) => Assert.Equal(expected, TraceState.Remove(field));

    [Theory]
    [InlineData("a=1,durable=v,b=2", "v")]
    [InlineData("a=durable=v", null)]
    [InlineData("", null)]
    public void Find_ReadsTheValue(string field, string? value) => Assert.Equal(value, TraceState.Find(field));

    [Theory]
    [InlineData("user=alice;p=1, durable.run = old ;q,x=2", "durable.run=v,user=alice;p=1,x=2")]
    [InlineData("", "durable.run=v")]
    [InlineData("durable.runner=1", "durable.run=v,durable.runner=1")]
    public void Baggage_KeepsOtherMembers(string field, string expected) => Assert.Equal(expected, Baggage.Put(field, "v"));

    [Theory]
    [InlineData("a=1,durable.run=v;p=1", "v")]
    [InlineData("a=1, durable.run = v ", "v")]
    [InlineData("a=1", null)]
    public void Baggage_ReadsTheValue(string field, string? value) => Assert.Equal(value, Baggage.Find(field));

    [Fact]
    public void Baggage_KeepsItsLimit()
    {
        var put = Baggage.Put(string.Join(',', Enumerable.Range(0, 100).Select(i => $"k{i}={new string('x', 200)}")), "v");

        Assert.True(put.Length <= 8192);
        Assert.StartsWith("durable.run=v,k0=", put, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("a.b.c")]
    [InlineData("AAAA.AAAA")]
    public void MalformedToken_IsNoToken(string text)
    {
        var keys = new KeyRing();
        keys.Load([new byte[KeyRing.KeyBytes]]);

        Assert.Null(new Tokens(keys).VerifyEgress("baggage", text));
    }

    [Fact]
    public void Token_IsBoundToItsCarrierAndNode()
    {
        var keys = new KeyRing();
        keys.Load([new byte[KeyRing.KeyBytes]]);
        var tokens = new Tokens(keys);
        var run = RunId.New(DateTimeOffset.UnixEpoch);
        var token = tokens.ForEgress("baggage", run, new Fence(3, 7), "http://a:1");
        var other = tokens.ForEgress("baggage", run, new Fence(3, 7), "http://b:1");

        Assert.Equal((run, new Fence(3, 7), "http://a:1"), tokens.VerifyEgress("baggage", token));
        Assert.Null(tokens.VerifyEgress("tracestate", token));
        Assert.Null(tokens.VerifyEgress("baggage", $"{token.Split('.')[0]}.{other.Split('.')[1]}"));
    }
}
