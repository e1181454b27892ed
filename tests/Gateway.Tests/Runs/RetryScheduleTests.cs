using DurableGateway.Runs;

namespace DurableGateway.Tests.Unit;

public sealed class RetryScheduleTests
{
    private static readonly RunPolicy Plain = new() { RetryDelay = TimeSpan.FromSeconds(1), MaxRetryDelay = TimeSpan.FromSeconds(60), Jitter = false };

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 4)]
    [InlineData(6, 32)]
    [InlineData(7, 60)]
    [InlineData(64, 60)]
    [InlineData(1_000_000, 60)]
    public void Exponential_DoublesUpToTheCap(int failures, int seconds) => Assert.Equal(seconds, Delay(BackoffShape.Exponential, failures));

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
    public void NoDelay_IsNone() => Assert.Equal(TimeSpan.Zero, RetrySchedule.Delay(Plain with { RetryDelay = TimeSpan.Zero }, 5, null, 0.9));

    [Fact]
    public void NoFailure_IsAMistakeOfTheCaller() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => RetrySchedule.Delay(Plain, 0, null, 0));

    private static double Delay(BackoffShape shape, int failures) =>
        RetrySchedule.Delay(Plain with { Backoff = shape }, failures, null, 0.5).TotalSeconds;
}
