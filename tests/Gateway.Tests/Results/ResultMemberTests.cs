using DurableGateway.Results;
using DurableGateway.Runs;

namespace DurableGateway.Tests.Results;

/// <summary>The member of the query that requests a result at the path of its request.</summary>
[Trait("Category", "Unit")]
public sealed class ResultMemberTests
{
    private const string Run = "01a20679-cce6-73be-b275-852ca4b597ac";
    private const string Member = $"durable-result={Run}.AAAAAGsOQK9VfKJ1IIma8U5Q2W0jlr8W";

    [Theory]
    [InlineData($"/a?{Member}", "/a")]
    [InlineData($"/a?{Member}.3", "/a")]
    [InlineData($"/a?{Member}&b=1", "/a?b=1")]
    [InlineData($"/a?b=%2F&{Member}&c", "/a?b=%2F&c")]
    [InlineData($"/a?b=1&&{Member}", "/a?b=1&")]
    [InlineData($"/a?{Member}&{Member}", "/a")]
    [InlineData($"https://host:1/a?b&{Member}#{Member}", $"https://host:1/a?b#{Member}")]
    [InlineData("./a?b=1", "./a?b=1")]
    [InlineData($"/{Member}", $"/{Member}")]
    [InlineData($"/a#?{Member}", $"/a#?{Member}")]
    [InlineData($"/a?x{Member}", $"/a?x{Member}")]
    [InlineData($"/a?b={Member}", $"/a?b={Member}")]
    [InlineData("/a?durable-result=12", "/a?durable-result=12")]
    [InlineData("/a?durable-result=", "/a?durable-result=")]
    [InlineData("/a?Durable-Result=" + Run + ".AAAA", "/a?Durable-Result=" + Run + ".AAAA")]
    [InlineData($"/a?{Member}.x", $"/a?{Member}.x")]
    [InlineData($"/a?{Member}.1.2", $"/a?{Member}.1.2")]
    public void MembersOfItsForm_AreTakenOut_AndNothingElse(string url, string rest)
    {
        Assert.Equal(rest, ResultMember.RemoveFrom(url, out var found));
        Assert.Equal(rest == url, found is null);
        if (found is null) return;
        Assert.Equal(Run, found.Run.ToString());
        Assert.Equal(found, Found(found.AppendTo(rest.Split('#')[0])));
    }

    [Theory]
    [InlineData("/shop/new?x=1", "./new?x=1")]
    [InlineData("/shop/", "./")]
    [InlineData("/", "./")]
    [InlineData("/a?", "./a")]
    [InlineData("/x:y", "./x:y")]
    [InlineData("//host/a?b", "./a?b")]
    [InlineData("http://host", "./")]
    [InlineData("/é a", "./%C3%A9%20a")]
    [InlineData("/a/../b", null)]
    [InlineData("/a/%2E.", null)]
    [InlineData("/a\\b", null)]
    public void ReferenceToATarget_DoesNotNameItsPath(string target, string? reference) =>
        Assert.Equal(reference, new RequestTarget(target).SelfReference);

    [Theory]
    [InlineData("receipt?id=7", "receipt?id=7")]
    [InlineData("?page=2", "?page=2")]
    [InlineData("", "./new?x=1")]
    [InlineData("#end", "./new?x=1#end")]
    public void HeadersUnderTheSamePath_StayAsTheyAre_ButForThoseThatNameNoPath(string reference, string resolved)
    {
        var target = new RequestTarget("/shop/new?x=1") { IsBase = true };
        var response = new StoredResponse(200, [new("Location", reference), new("Refresh", "5"), new("Set-Cookie", "a=1")], default);
        Assert.Equal([resolved, "5; url=./new?x=1", "a=1"],
            ResponseReferences.Resolve(response, target).Headers.Select(line => line.Value));
    }

    private static ResultMember? Found(string url)
    {
        ResultMember.RemoveFrom(url, out var found);
        return found;
    }
}
