using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Runs;

[Trait("Category", "Unit")]
public sealed class RunEndNotifierTests
{
    private readonly RunEndNotifier _ended = new();
    private readonly RunId _run = Make.RunId();

    [Fact]
    public void Signal_WakesEveryoneWhoWaitsForThatRun()
    {
        using var first = _ended.Register(_run);
        using var second = _ended.Register(_run);
        using var other = _ended.Register(Make.RunId());
        Assert.False(first.Ended.IsCompleted);
        _ended.Signal(_run);
        Assert.True(first.Ended.IsCompletedSuccessfully);
        Assert.True(second.Ended.IsCompletedSuccessfully);
        Assert.False(other.Ended.IsCompleted);
    }

    [Fact]
    public void OneLeaves_TheOthersStillHear()
    {
        using var stays = _ended.Register(_run);
        _ended.Register(_run).Dispose();
        _ended.Signal(_run);
        Assert.True(stays.Ended.IsCompletedSuccessfully);
    }

    [Fact]
    public void NobodyWaits_SignalIsForgotten()
    {
        _ended.Signal(_run);
        _ended.Register(_run).Dispose();
        _ended.Signal(_run);
        using var late = _ended.Register(_run);
        Assert.False(late.Ended.IsCompleted);
    }

    [Fact]
    public async Task RegisteredWhileOthersLeave_IsStillSignalled()
    {
        for (var round = 0; round < 2000; round++)
        {
            var leaving = _ended.Register(_run);
            var leave = Task.Run(leaving.Dispose);
            var join = await Task.Run(() => _ended.Register(_run));
            await leave;
            _ended.Signal(_run);
            Assert.True(join.Ended.IsCompletedSuccessfully);
            join.Dispose();
        }
    }
}
