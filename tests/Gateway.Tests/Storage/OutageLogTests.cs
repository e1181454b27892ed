using DurableGateway.Storage;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Tests.Storage;

[Trait("Category", "Unit")]
public sealed class OutageLogTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _lines = [];
    private readonly OutageLog _outage;

    public OutageLogTests() => _outage = new OutageLog(_time,
        (time, calls, error) => _lines.Add($"failing {time.TotalSeconds:0} s, {calls} calls, {error.Message}"),
        (time, calls) => _lines.Add($"working after {time.TotalSeconds:0} s, {calls} calls"));

    [Fact]
    public void FailsEverySecond_OneLineAMinute_AndOneWhenItWorksAgain()
    {
        for (var second = 0; second < 125; second++) FailAfter(Second, "refused");
        _time.Advance(Second);
        _outage.Succeeded();
        Assert.Equal(3, _lines.Count);
        _time.Advance(OutageLog.Quiet);
        _outage.Succeeded();
        _outage.Succeeded();

        Assert.Equal(["failing 0 s, 1 calls, refused", "failing 60 s, 61 calls, refused", "failing 120 s, 121 calls, refused",
            "working after 125 s, 125 calls"], _lines);
    }

    [Fact]
    public void EveryOtherCallFails_LinesDoNotAlternate()
    {
        for (var second = 0; second < 59; second++)
        {
            FailAfter(Second, "slow");
            _outage.Succeeded();
        }

        Assert.Equal(["failing 0 s, 1 calls, slow"], _lines);
    }

    [Fact]
    public void OutagesFollowOneAnother_StillOneLineAMinute()
    {
        for (var outage = 0; outage < 10; outage++)
        {
            FailAfter(Second, "gone");
            _time.Advance(OutageLog.Quiet);
            _outage.Succeeded();
        }

        Assert.Equal(["failing 0 s, 1 calls, gone", "working after 2 s, 1 calls"], _lines);
    }

    [Fact]
    public void NothingFails_NothingIsSaid()
    {
        _outage.Succeeded();
        _time.Advance(OutageLog.Interval);
        _outage.Succeeded();
        Assert.Empty(_lines);
    }

    private void FailAfter(TimeSpan time, string error)
    {
        _time.Advance(time);
        _outage.Failed(new InvalidOperationException(error));
    }
}
