using DurableGateway.Runs;

namespace DurableGateway.Tests.Runs;

[Trait("Category", "Unit")]
public sealed class StatusRangesTests
{
    [Fact]
    public void CodesAndRanges_AreInclusive()
    {
        var ranges = new StatusRanges(" 408,429 , 500-502,599");
        Assert.All([408, 429, 500, 501, 502, 599], status => Assert.True(ranges.Contains(status)));
        Assert.All([200, 407, 409, 499, 503, 598], status => Assert.False(ranges.Contains(status)));
    }

    [Fact]
    public void Default_IsThatOfTheContract() =>
        Assert.Equal([500, 502, 503, 504], Enumerable.Range(100, 500).Where(StatusRanges.Default.Contains));

    [Theory]
    [InlineData("abc")]
    [InlineData("500-")]
    [InlineData("-500")]
    [InlineData("504-502")]
    [InlineData("500-501-502")]
    [InlineData("399")]
    [InlineData("600")]
    [InlineData("5xx")]
    [InlineData("500;502")]
    [InlineData("+500")]
    public void Malformed_IsRefused(string text)
    {
        Assert.False(StatusRanges.IsValid(text));
        Assert.Throws<FormatException>(() => new StatusRanges(text));
    }

    [Fact]
    public void SameText_IsEqual() => Assert.Equal(new StatusRanges("500"), new StatusRanges("500"));
}
