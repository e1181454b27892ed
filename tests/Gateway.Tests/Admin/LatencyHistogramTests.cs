using DurableGateway.Admin;

namespace DurableGateway.Tests.Admin;

[Trait("Category", "Unit")]
public sealed class LatencyHistogramTests
{
    [Theory]
    [InlineData(0.5)]
    [InlineData(4)]
    [InlineData(17.3)]
    [InlineData(250)]
    [InlineData(3_000)]
    [InlineData(86_400_000)]
    [InlineData(6_000_000_000)]
    public void Middle_IsWithinFivePercent(double milliseconds)
    {
        var bucket = LatencyHistogram.BucketOf(TimeSpan.FromMilliseconds(milliseconds));
        Assert.InRange(bucket, 0, LatencyHistogram.Buckets - 1);
        Assert.InRange(LatencyHistogram.MiddleOf(bucket), milliseconds * 0.9, milliseconds * 1.1);
        if (milliseconds > 1) Assert.InRange(LatencyHistogram.MiddleOf(bucket), milliseconds * 0.95, milliseconds * 1.05);
    }

    [Fact]
    public void Buckets_HaveNoGaps()
    {
        for (var bucket = 1; bucket < LatencyHistogram.Buckets; bucket++)
        {
            Assert.True(LatencyHistogram.MiddleOf(bucket) > LatencyHistogram.MiddleOf(bucket - 1));
            Assert.Equal(bucket, LatencyHistogram.BucketOf(TimeSpan.FromMilliseconds(LatencyHistogram.MiddleOf(bucket))));
        }

        Assert.Equal(LatencyHistogram.Buckets - 1, LatencyHistogram.BucketOf(TimeSpan.MaxValue));
        Assert.Equal(0, LatencyHistogram.BucketOf(TimeSpan.FromSeconds(-1)));
    }

    /// <summary>A minute of few slow requests does not weigh as much as one of many fast ones.</summary>
    [Fact]
    public void Quantiles_AreThoseOfAllRequests()
    {
        var (fast, slow) = (new LatencyHistogram(), new LatencyHistogram());
        fast.Add(LatencyHistogram.BucketOf(TimeSpan.FromMilliseconds(4)), 9_700);
        slow.Add(LatencyHistogram.BucketOf(TimeSpan.FromSeconds(6)), 300);

        var all = LatencyHistogram.Merge([fast, slow]);

        Assert.Equal(10_000, all.Count);
        Assert.InRange(all.P50, 3.8, 4.2);
        Assert.InRange(all.P95, 3.8, 4.2);
        Assert.InRange(all.P99, 5_700, 6_300);
        Assert.Equal(0, new LatencyHistogram().P50);
    }
}
