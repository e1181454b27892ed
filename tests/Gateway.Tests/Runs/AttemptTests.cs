using DurableGateway.Runs;
using DurableGateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Tests.Runs;

/// <summary>When an attempt is late. Requests report their progress while the clock of all attempts reads it.</summary>
[Trait("Category", "Unit")]
public sealed class AttemptTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _time = new(Make.Start);

    [Fact]
    public void Attempt_WhoseRequestIsStillComing_IsNeverLate()
    {
        using var attempt = Begin();
        Assert.False(IsLateAfter(attempt, TimeSpan.FromDays(1)));
    }

    [Fact]
    public void Attempt_IsLate_AfterItsTimeout()
    {
        using var attempt = Begin();
        attempt.StartClock();
        Assert.False(IsLateAfter(attempt, Timeout - TimeSpan.FromSeconds(1)));
        Assert.True(IsLateAfter(attempt, TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void Response_MayTakeUntilTheDeadlineOfItsRun()
    {
        using var attempt = Begin();
        attempt.StartClock();
        attempt.BeginResponse();
        Assert.False(IsLateAfter(attempt, attempt.Policy.RunTimeout - TimeSpan.FromSeconds(1)));
        Assert.True(IsLateAfter(attempt, TimeSpan.FromSeconds(1)));
    }

    /// <summary>Services may respond before they read the request. The end of the request then says nothing about its response.</summary>
    [Fact]
    public void EndOfTheRequest_AfterAnUnboundedResponseHasBegun_BoundsNothing()
    {
        using var attempt = Begin();
        attempt.BeginUnboundedResponse();
        attempt.StartClock();
        Assert.False(IsLateAfter(attempt, TimeSpan.FromDays(365)));
    }

    [Fact]
    public void Attempt_AfterTheDeadlineOfItsRun_IsLateAtOnce()
    {
        using var attempt = Begin();
        _time.Advance(attempt.Policy.RunTimeout + TimeSpan.FromSeconds(1));
        attempt.BeginResponse();
        Assert.True(attempt.IsLate(_time.GetTimestamp()));
    }

    /// <summary>
    /// A request thread starts the clock while another thread reads it. The reader gets one of the two values, and no mixture of them.
    /// </summary>
    [Fact]
    public async Task Clock_IsReadWhole_WhileItIsSet()
    {
        using var stop = new CancellationTokenSource();
        using var attempt = Begin();
        var now = _time.GetTimestamp();
        var reader = Task.Run(() =>
        {
            var late = 0;
            while (!stop.IsCancellationRequested) late += attempt.IsLate(now) ? 1 : 0;
            return late;
        });
        for (var i = 0; i < 200_000; i++)
        {
            attempt.BeginUnboundedResponse();
            attempt.BeginResponse();
        }

        await stop.CancelAsync();
        Assert.Equal(0, await reader);
    }

    private bool IsLateAfter(Attempt attempt, TimeSpan time)
    {
        _time.Advance(time);
        return attempt.IsLate(_time.GetTimestamp());
    }

    private Attempt Begin() =>
        new(new AttemptKey(Make.RunId(), 1, "a"), new RunPolicy(), "r", Make.Start, _time.GetTimestamp(), _time) { Timeout = Timeout };
}
