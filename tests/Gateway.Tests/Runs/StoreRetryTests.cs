using DurableGateway.Runs;
using DurableGateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Tests.Runs;

[Trait("Category", "Unit")]
public sealed class StoreRetryTests
{
    private readonly FakeTimeProvider _time = new(Make.Start);
    private int _calls;

    [Fact]
    public async Task Call_IsRepeated_UntilTheStoreAnswers()
    {
        var result = StoreRetry.RepeatAsync(() => FailingAsync(2, EngineBench.Refused), _time, TimeSpan.FromMinutes(1));
        _time.Advance(StoreRetry.Pause);
        _time.Advance(StoreRetry.Pause);
        Assert.Equal(3, await result);
    }

    [Fact]
    public async Task Call_IsNotRepeated_AfterItsTime()
    {
        var result = StoreRetry.RepeatAsync(() => FailingAsync(100, EngineBench.Refused), _time, StoreRetry.Pause);
        _time.Advance(StoreRetry.Pause);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => result);
        Assert.Equal(2, _calls);
    }

    [Fact]
    public async Task WriteThatSurelyDidNotHappen_FailsAtOnce()
    {
        await Assert.ThrowsAsync<StoreUnavailableException>(
            () => StoreRetry.ResolveAsync(() => FailingAsync(1, EngineBench.Refused), _time));
        Assert.Equal(1, _calls);
    }

    /// <summary>The first write may have happened. That the second certainly did not happen says nothing about the first.</summary>
    [Fact]
    public async Task WriteInDoubt_IsRepeated_AndStaysInDoubt()
    {
        var result = StoreRetry.ResolveAsync(() => FailingAsync(100, _calls == 0 ? EngineBench.Unanswered : EngineBench.Refused), _time);
        for (var i = 0; i < 20; i++) _time.Advance(StoreRetry.Pause);
        var error = await Assert.ThrowsAsync<StoreUnavailableException>(() => result);
        Assert.True(error.MayHaveHappened);
        Assert.InRange(_calls, 20, 21);
    }

    [Fact]
    public async Task Pause_EndsWithWhoWaits()
    {
        using var gone = new CancellationTokenSource();
        var result = StoreRetry.RepeatAsync(
            () => FailingAsync(100, EngineBench.Refused), _time, patience: null, cancellation: gone.Token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => result);
    }

    private Task<int> FailingAsync(int times, StoreUnavailableException error) =>
        ++_calls <= times ? Task.FromException<int>(error) : Task.FromResult(_calls);
}
