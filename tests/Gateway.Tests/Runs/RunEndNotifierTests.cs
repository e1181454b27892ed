using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Tests.Runs;

[Trait("Category", "Unit")]
public sealed class RunEndNotifierTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(Make.Start);
    private readonly FakeLifetime _lifetime = new();
    private readonly RunEndNotifier _ended;
    private readonly RunId _run = Make.RunId();

    public RunEndNotifierTests() => _ended = new RunEndNotifier(_lifetime, _time);

    public void Dispose() => _lifetime.Dispose();

    [Fact]
    public void Signal_WakesEveryoneWhoWaitsForThatRun()
    {
        using var first = _ended.Register(_run);
        using var second = _ended.Register(_run);
        using var other = _ended.Register(Make.RunId());
        Assert.False(first.HasEnded);
        _ended.Signal(_run);
        Assert.True(first.HasEnded);
        Assert.True(second.HasEnded);
        Assert.False(other.HasEnded);
    }

    [Fact]
    public void OneLeaves_TheOthersStillHear()
    {
        using var stays = _ended.Register(_run);
        _ended.Register(_run).Dispose();
        _ended.Signal(_run);
        Assert.True(stays.HasEnded);
    }

    [Fact]
    public void NobodyWaits_SignalIsForgotten()
    {
        _ended.Signal(_run);
        _ended.Register(_run).Dispose();
        _ended.Signal(_run);
        using var late = _ended.Register(_run);
        Assert.False(late.HasEnded);
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
            Assert.True(join.HasEnded);
            join.Dispose();
        }
    }

    [Fact]
    public async Task Wait_EndsWithTheSignal()
    {
        using var waiter = _ended.Register(_run);
        var wait = waiter.WaitAsync(TimeSpan.FromHours(1), CancellationToken.None);
        Assert.False(wait.IsCompleted);
        _ended.Signal(_run);
        await wait;
        await waiter.WaitAsync(TimeSpan.FromHours(1), CancellationToken.None);
    }

    [Fact]
    public async Task Wait_EndsWithItsTime()
    {
        using var waiter = _ended.Register(_run);
        var wait = waiter.WaitAsync(TimeSpan.FromSeconds(2), CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(wait.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        await wait;
        Assert.False(waiter.HasEnded);
    }

    [Fact]
    public async Task Wait_EndsWithTheNode()
    {
        using var waiter = _ended.Register(_run);
        var wait = waiter.WaitAsync(TimeSpan.FromHours(1), CancellationToken.None);
        _lifetime.StopApplication();
        await wait;
    }

    [Fact]
    public async Task Wait_OfSomebodyWhoHasGone_IsCancelled()
    {
        using var gone = new CancellationTokenSource();
        using var waiter = _ended.Register(_run);
        var wait = waiter.WaitAsync(TimeSpan.FromHours(1), gone.Token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);
    }

    /// <summary>If an operator continues an ended run, the waiter pauses between its calls of the store.</summary>
    [Fact]
    public async Task Pause_AfterTheSignal_TakesItsTime()
    {
        using var waiter = _ended.Register(_run);
        var first = waiter.PauseAsync(TimeSpan.FromSeconds(1), CancellationToken.None);
        _ended.Signal(_run);
        await first;
        var second = waiter.PauseAsync(TimeSpan.FromSeconds(1), CancellationToken.None);
        Assert.False(second.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        await second;
    }
}
