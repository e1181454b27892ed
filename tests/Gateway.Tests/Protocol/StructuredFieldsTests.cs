using System.Text;
using DurableGateway.Protocol;

namespace DurableGateway.Tests.Protocol;

[Trait("Category", "Unit")]
public sealed class StructuredFieldsTests
{
    [Theory]
    [InlineData("", true)]
    [InlineData("charge card #2 ~", true)]
    [InlineData("\"\\", true)]
    [InlineData("tab\t", false)]
    [InlineData("\u007f", false)]
    [InlineData("zahlen-ä", false)]
    public void IsString_OnlyPrintableAscii(string text, bool expected) => Assert.Equal(expected, StructuredFields.IsString(text));

    [Fact]
    public void AppendString_EscapesQuoteAndBackslash() =>
        Assert.Equal(@"""a\""b\\c""", new StringBuilder().AppendString("a\"b\\c").ToString());

    [Fact]
    public void AppendBytes_IsPaddedBase64BetweenColons() =>
        Assert.Equal(":/w==:", new StringBuilder().AppendBytes([0xff]).ToString());

    [Theory]
    [InlineData("?1", true)]
    [InlineData("?0", false)]
    [InlineData("  ?1 ", true)]
    [InlineData("?0;reason=x", false)]
    [InlineData("?1 ;a", true)]
    [InlineData("?2", null)]
    [InlineData("?10", null)]
    [InlineData("true", null)]
    [InlineData("1", null)]
    [InlineData("?", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void ParseBoolean_ItemWithParameters(string? field, bool? expected) =>
        Assert.Equal(expected, StructuredFields.ParseBoolean(field));

    [Theory]
    [InlineData("0", 0)]
    [InlineData("1.5", 1500)]
    [InlineData("86400", 86_400_000)]
    public void TryParseSeconds_DecimalNumber_IsRead(string field, long milliseconds)
    {
        Assert.True(StructuredFields.TryParseSeconds(field, out var span));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), span);
    }

    /// <summary>Whoever names a longer time means to wait for as long as possible.</summary>
    [Fact]
    public void TryParseSeconds_OfMoreThanAnyTimeHere_IsCut()
    {
        Assert.True(StructuredFields.TryParseSeconds("99999999999999999999", out var span));
        Assert.Equal(TimeSpan.FromDays(3650), span);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("1e3")]
    [InlineData("1,000")]
    [InlineData("soon")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("-Infinity")]
    public void TryParseSeconds_AnythingElse_IsRefused(string? field) => Assert.False(StructuredFields.TryParseSeconds(field, out _));
}
