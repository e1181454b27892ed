using DurableGateway.Runs;

namespace DurableGateway.Tests.Runs;

[Trait("Category", "Unit")]
public sealed class RetryScheduleTests
{
    private static readonly RunPolicy Plain = new()
    {
        RetryDelay = TimeSpan.FromSeconds(1),
        MaxRetryDelay = TimeSpan.FromSeconds(60),
        Jitter = false,
    };

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 4)]
    [InlineData(6, 32)]
    [InlineData(7, 60)]
    [InlineData(64, 60)]
    [InlineData(1_000_000, 60)]
    public void Exponential_DoublesUpToTheCap(int failures, int seconds) =>
        Assert.Equal(seconds, Delay(BackoffShape.Exponential, failures));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 5)]
    [InlineData(61, 60)]
    public void Linear_GrowsByTheDelay(int failures, int seconds) => Assert.Equal(seconds, Delay(BackoffShape.Linear, failures));

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    public void Constant_StaysTheSame(int failures) => Assert.Equal(1, Delay(BackoffShape.Constant, failures));

    [Theory]
    [InlineData(0, 2)]
    [InlineData(0.5, 3)]
    [InlineData(0.75, 3.5)]
    public void Jitter_DrawsFromTheUpperHalf(double random, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), RetrySchedule.Delay(Plain with { Jitter = true }, 3, null, random));

    [Fact]
    public void Jitter_AppliesAfterTheCap() =>
        Assert.Equal(TimeSpan.FromSeconds(30), RetrySchedule.Delay(Plain with { Jitter = true }, 50, null, 0));

    [Fact]
    public void RetryAfter_CanOnlyDelay()
    {
        Assert.Equal(TimeSpan.FromSeconds(8), RetrySchedule.Delay(Plain, 4, TimeSpan.FromSeconds(2), 0));
        Assert.Equal(TimeSpan.FromSeconds(9), RetrySchedule.Delay(Plain, 4, TimeSpan.FromSeconds(9), 0));
    }

    [Fact]
    public void RetryAfter_ExceedsTheCap() =>
        Assert.Equal(TimeSpan.FromHours(1), RetrySchedule.Delay(Plain, 1, TimeSpan.FromHours(1), 0));

    [Fact]
    public void NoDelay_IsNone() =>
        Assert.Equal(TimeSpan.Zero, RetrySchedule.Delay(Plain with { RetryDelay = TimeSpan.Zero }, 5, null, 0.9));

    [Fact]
    public void NoFailure_IsAMistakeOfTheCaller() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => RetrySchedule.Delay(Plain, 0, null, 0));

    [Theory]
    [InlineData(0, 1)]
    [InlineData(8, 1)]
    [InlineData(60, 7.5)]
    [InlineData(240, 30)]
    [InlineData(86_400, 30)]
    public void Unreachable_IsTriedAgainAfterAnEighthOfTheTimeAway(int away, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), RetrySchedule.DelayWhileUnreachable(Plain, TimeSpan.FromSeconds(away), 0));

    [Fact]
    public void Unreachable_KeepsToTheDelaysOfThePolicy()
    {
        var hour = TimeSpan.FromHours(1);
        Assert.Equal(TimeSpan.FromSeconds(5),
            RetrySchedule.DelayWhileUnreachable(Plain with { MaxRetryDelay = TimeSpan.FromSeconds(5) }, hour, 0));
        Assert.Equal(TimeSpan.FromMinutes(2),
            RetrySchedule.DelayWhileUnreachable(Plain with { RetryDelay = TimeSpan.FromMinutes(2) }, TimeSpan.Zero, 0));
        Assert.Equal(TimeSpan.FromSeconds(15), RetrySchedule.DelayWhileUnreachable(Plain with { Jitter = true }, hour, 0));
        Assert.Equal(TimeSpan.FromSeconds(0.1),
            RetrySchedule.DelayWhileUnreachable(Plain with { RetryDelay = TimeSpan.Zero }, TimeSpan.Zero, 0));
    }

    [Theory]
    [InlineData(8, 0, true)]
    [InlineData(8, 599, true)]
    [InlineData(8, 600, false)]
    [InlineData(1, 0, false)]
    public void Unreachable_IsSparedForTenMinutes_UnlessThereIsOneAttemptOnly(int attempts, int away, bool spared)
    {
        var policy = new RunPolicy { MaxAttempts = attempts };
        var now = DateTimeOffset.UnixEpoch.AddDays(1);
        Assert.Equal(spared, RetrySchedule.IsSpared(policy, now.AddSeconds(-away), now));
        Assert.False(RetrySchedule.IsSpared(policy, null, now));
    }

    /// <summary>The defaults are as the README describes them.</summary>
    [Fact]
    public void Defaults_TryAFailureAgainForOneToTwoMinutes()
    {
        var policy = new RunPolicy();
        Assert.InRange(Window(0), 60, 120);
        Assert.InRange(Window(0.999_999), 60, 130);

        double Window(double random) =>
            Enumerable.Range(1, policy.MaxAttempts - 1).Sum(failures => RetrySchedule.Delay(policy, failures, null, random).TotalSeconds);
    }

    private static double Delay(BackoffShape shape, int failures) =>
        RetrySchedule.Delay(Plain with { Backoff = shape }, failures, null, 0.5).TotalSeconds;
}
