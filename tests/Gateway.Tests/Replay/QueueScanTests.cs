using DurableGateway.Replay;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Replay;

[Trait("Category", "Unit")]
public sealed class QueueScanTests
{
    private static readonly Look New = new(LookKind.New, 1);
    private static readonly Look Again = new(LookKind.Again, 1);

    private readonly QueueScan _scan = new(4);

    [Fact]
    public void FirstLook_BeginsAtTheHead()
    {
        Assert.False(_scan.HasSeen(1));
        Assert.Equal(default, _scan.PlaceOf(New));
    }

    [Fact]
    public void LookThatEndedEarly_GoesOnThere_AndOneThatSawAll_JustBeforeItsTime()
    {
        _scan.Looked(New, new QueuePlace(77, 3), Make.Start);
        Assert.Equal(new QueuePlace(77, 3), _scan.PlaceOf(New));
        _scan.Looked(New, null, Make.Start);
        Assert.True(_scan.HasSeen(1));
        Assert.InRange(_scan.PlaceOf(New).Score, Make.Start.AddSeconds(-10).ToUnixTimeMilliseconds(),
            Make.Start.AddSeconds(-1).ToUnixTimeMilliseconds());
    }

    [Fact]
    public void DueThatIsHeardOfLate_TakesTheLookBack_AndALaterOneDoesNot()
    {
        _scan.Looked(New, null, Make.Start);
        var reached = _scan.PlaceOf(New);
        _scan.Hear(1, Make.Start.AddSeconds(1));
        Assert.Equal(reached, _scan.PlaceOf(New));
        _scan.Hear(1, Make.Start.AddMinutes(-1));
        Assert.Equal(new QueuePlace(Make.Start.AddMinutes(-1).ToUnixTimeMilliseconds(), 0), _scan.PlaceOf(New));
    }

    [Fact]
    public void LooksAgain_GoThroughTheWholeQueue_AndBeginAnew()
    {
        _scan.Looked(Again, new QueuePlace(5, 0), Make.Start);
        Assert.Equal(new QueuePlace(5, 0), _scan.PlaceOf(Again));
        Assert.Equal(default, _scan.PlaceOf(New));
        _scan.Looked(Again, null, Make.Start);
        Assert.Equal(default, _scan.PlaceOf(Again));
    }
}
