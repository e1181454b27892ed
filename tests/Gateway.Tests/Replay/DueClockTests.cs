using DurableGateway.Replay;
using DurableGateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Tests.Replay;

[Trait("Category", "Unit")]
public sealed class DueClockTests
{
    private const int Shards = 4;
    private static readonly TimeSpan Long = TimeSpan.FromHours(1);

    private readonly FakeTimeProvider _time = new(Make.Start);
    private readonly DueClock _clock;

    public DueClockTests() => _clock = new DueClock(Shards, _time);

    [Fact]
    public void NothingHeard_NothingIsDue() => Assert.Empty(_clock.TakeDue().Select(due => due.Shard));

    [Fact]
    public void Due_IsTakenOnce()
    {
        _clock.Hear(2, Make.Start);
        _clock.Hear(3, Make.Start.AddSeconds(1));
        Assert.Equal([2], _clock.TakeDue().Select(due => due.Shard));
        Assert.Empty(_clock.TakeDue().Select(due => due.Shard));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([3], _clock.TakeDue().Select(due => due.Shard));
    }

    [Fact]
    public void LaterTime_DoesNotReplaceAnEarlierOne()
    {
        _clock.Hear(1, Make.Start);
        _clock.Hear(1, Make.Start.AddDays(1));
        Assert.Equal([1], _clock.TakeDue().Select(due => due.Shard));
    }

    [Fact]
    public void HeardDuringALook_IsNotLost()
    {
        _clock.Hear(1, Make.Start);
        Assert.Equal([1], _clock.TakeDue().Select(due => due.Shard));

        // While the clock asks the store, a run is parked in this shard. Then the answer names a later run.
        _clock.Hear(1, Make.Start.AddSeconds(1));
        _clock.Hear(1, Make.Start.AddSeconds(9));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([1], _clock.TakeDue().Select(due => due.Shard));
    }

    [Fact]
    public void Run_IsHeardInItsShard()
    {
        var run = Make.RunId();
        _clock.Hear(run, Make.Start);
        Assert.Equal([run.Shard(Shards)], _clock.TakeDue().Select(due => due.Shard));
    }

    [Fact]
    public async Task Wait_ReturnsAtOnce_WhereSomethingIsDue()
    {
        _clock.Hear(0, Make.Start);
        await _clock.WaitAsync(Long, null, CancellationToken.None).WaitAsync(Deadline);
    }

    [Fact]
    public async Task Wait_EndsWhenTheFirstIsDue()
    {
        _clock.Hear(0, Make.Start.AddSeconds(5));
        _clock.Hear(1, Make.Start.AddSeconds(3));
        var wait = _clock.WaitAsync(Long, null, CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.False(wait.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        await wait.WaitAsync(Deadline);
        Assert.Equal([1], _clock.TakeDue().Select(due => due.Shard));
    }

    [Fact]
    public async Task Wait_EndsAfterTheLongest()
    {
        var wait = _clock.WaitAsync(TimeSpan.FromSeconds(5), null, CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(wait.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        await wait.WaitAsync(Deadline);
    }

    [Fact]
    public async Task Wait_HearsOfSomethingDueAtOnce()
    {
        var wait = _clock.WaitAsync(Long, null, CancellationToken.None);
        Assert.False(wait.IsCompleted);
        _clock.Hear(3, Make.Start);
        await wait.WaitAsync(Deadline);
    }

    [Fact]
    public async Task Wait_IsShortenedByAnEarlierTime()
    {
        _clock.Hear(0, Make.Start.AddMinutes(30));
        var wait = _clock.WaitAsync(Long, null, CancellationToken.None);
        _clock.Hear(1, Make.Start.AddSeconds(1));

        // The waiter notices the earlier time on another thread. Advance the time until it has noticed.
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return wait.IsCompleted;
            },
            "the wait ends");
        await wait;
        Assert.True(_time.GetUtcNow() < Make.Start.AddMinutes(30), "It slept on until the time known before.");
    }

    [Fact]
    public async Task Wait_IsCancelled()
    {
        using var cancellation = new CancellationTokenSource();
        var wait = _clock.WaitAsync(Long, null, cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait.WaitAsync(Deadline));
    }

    [Fact]
    public async Task HeardAtAnyMoment_WakesTheWaiter()
    {
        // Each round races one Hear against one loop of TakeDue and WaitAsync. A lost wake-up would wait for an hour.
        for (var round = 0; round < 2000; round++)
        {
            var heard = Task.Run(() => _clock.Hear(round % Shards, Make.Start));
            var taken = Task.Run(async () =>
            {
                while (true)
                {
                    if (_clock.TakeDue() is { Count: > 0 } due) return due.Select(one => one.Shard);
                    await _clock.WaitAsync(Long, null, CancellationToken.None);
                }
            });
            Assert.Equal([round % Shards], await taken.WaitAsync(Deadline));
            await heard;
        }
    }

    [Fact]
    public async Task ManyHeardAtOnce_TheEarliestStands()
    {
        for (var round = 0; round < 200; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => _clock.Hear(0, _time.GetUtcNow().AddSeconds(i)))));
            Assert.Equal([0], _clock.TakeDue().Select(due => due.Shard));
        }
    }

    private static TimeSpan Deadline => TimeSpan.FromSeconds(10);
}
