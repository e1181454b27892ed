using DurableGateway.Protocol;
using Microsoft.Extensions.Primitives;

namespace DurableGateway.Tests.Protocol;

[Trait("Category", "Unit")]
public sealed class FieldTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("120", 120)]
    [InlineData(" 0 ", 0)]
    [InlineData("1.5", 1.5)]
    [InlineData("Sun, 01 Mar 2026 12:00:30 GMT", 30)]
    [InlineData("Sun, 01 Mar 2026 11:00:00 GMT", 0)]
    [InlineData("Sunday, 01-Mar-26 12:00:30 GMT", 30)]
    [InlineData("Sun Mar  1 12:00:30 2026", 30)]
    [InlineData("86401", 86400)]
    [InlineData("999999999", 86400)]
    [InlineData("Fri, 31 Dec 9999 23:59:59 GMT", 86400)]
    public void RetryAfter_SecondsOrDate_IsRead(string field, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), RetryAfter.Parse(field, Now));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("-5")]
    [InlineData("later")]
    [InlineData("2026-03-01T12:00:30Z")]
    public void RetryAfter_AnythingElse_IsNotThere(string? field) => Assert.Null(RetryAfter.Parse(field, Now));

    [Theory]
    [InlineData("100000000000")]
    [InlineData("400000000000")]
    [InlineData("999999999999")]
    public void RetryAfter_OfMillennia_CanBeAddedToTheTime(string field)
    {
        // A service may say anything; what it says must not become an exception in the middle of a run.
        var delay = RetryAfter.Parse(field, Now) ?? TimeSpan.Zero;
        Assert.True(Now + delay >= Now);
        Assert.True(Now - delay <= Now);
    }

    [Theory]
    [InlineData(0, "1")]
    [InlineData(0.2, "1")]
    [InlineData(1, "1")]
    [InlineData(1.001, "2")]
    [InlineData(-5, "1")]
    [InlineData(3600, "3600")]
    public void RetryAfter_IsWrittenRoundedUp(double seconds, string expected) =>
        Assert.Equal(expected, RetryAfter.Format(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData("wait=10", 10)]
    [InlineData("respond-async, wait=0", 0)]
    [InlineData("WAIT = \"7\"; foo", 7)]
    [InlineData("handling=lenient,wait=3;x=y,wait=9", 3)]
    [InlineData("respond-async", null)]
    [InlineData("wait", null)]
    [InlineData("wait=-1", null)]
    [InlineData("wait=1.5", null)]
    [InlineData("wait=99999999999999", null)]
    [InlineData("await=5", null)]
    [InlineData("", null)]
    public void Prefer_Wait_IsRead(string field, int? seconds) =>
        Assert.Equal(seconds is { } value ? TimeSpan.FromSeconds(value) : null, PreferHeader.Wait(field));

    [Fact]
    public void Prefer_SeveralLines_AreOneList()
    {
        Assert.Equal(TimeSpan.FromSeconds(4), PreferHeader.Wait(new StringValues(["respond-async", "wait=4"])));
        Assert.Null(PreferHeader.Wait(StringValues.Empty));
    }
}
