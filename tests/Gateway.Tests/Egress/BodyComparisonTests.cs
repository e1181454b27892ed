using DurableGateway.Configuration;
using DurableGateway.Egress;
using DurableGateway.Http;
using DurableGateway.Runs;

namespace DurableGateway.Tests.Egress;

/// <summary>How the bodies of two calls differ.</summary>
[Trait("Category", "Unit")]
public sealed class BodyComparisonTests
{
    /// <summary>Such a text is short, and its JSON is long.</summary>
    [Fact]
    public void TextOfManyEscapes_IsShownWhole()
    {
        var text = new string('\n', 200);

        var one = Assert.Single(Of("application/json", Json("1" + text), Json("2" + text)).Differences);

        Assert.Equal(Json("1" + text)[8..^1], one.Old);
    }

    [Fact]
    public void LongText_IsCut()
    {
        var one = Assert.Single(Of("application/json", Json(new string('a', 300)), Json("b")).Differences);

        Assert.Equal($"\"{new string('a', 240)}…\"", one.Old);
    }

    [Fact]
    public void FieldsOfOneName_AreComparedByTheirOrder()
    {
        var one = Assert.Single(Of("application/x-www-form-urlencoded", "a=1&b=1&a=2&a=3", "a=1&b=1&a=2&a=4").Differences);

        Assert.Equal(["a", "[2]"], one.Path);
        Assert.Equal(("\"3\"", "\"4\""), (one.Old, one.New));
    }

    /// <summary>The earlier body is kept only up to this size.</summary>
    [Fact]
    public void BodyThatIsTooLarge_IsComparedByItsDigest()
    {
        var large = string.Concat(Enumerable.Repeat("a&", RememberedCall.MaxRequestBytes));

        Assert.Equal(CallDrift.Digest, Of("application/x-www-form-urlencoded", "a=1", large).Kind);
    }

    /// <summary>A lone surrogate is no text that can be encoded. The calls differ nevertheless.</summary>
    [Theory]
    [InlineData("""{"text":"\ud800"}""")]
    [InlineData("""{"text":1,"text":2}""")]
    [InlineData("no json")]
    public void BodyThatCannotBeRead_Differs(string body) => Assert.NotEmpty(Of("application/json", Json("a"), body).Differences);

    private static string Json(string text) => $$"""{"text":{{System.Text.Json.JsonSerializer.Serialize(text)}}}""";

    private static CallDrift Of(string contentType, string old, string now)
    {
        var remembered = new RememberedCall
        {
            Target = "/charges",
            Number = 1,
            Alike = 1,
            Digest = "1",
            Request = System.Text.Encoding.UTF8.GetBytes(old),
            Destination = "",
            Response = new StoredResponse(200, [], default),
        };
        var call = new ServiceCall("/charges", "2", System.Text.Encoding.UTF8.GetBytes(now), ByDigest: false);
        return BodyComparison.Of(remembered, call, contentType, Rules).ToDrift("fail");
    }

    private static StepRules Rules { get; } =
        StepRules.Read(new Dictionary<string, string> { ["Durable.Step"] = "Remember" }, (_, _) => { })!;
}
