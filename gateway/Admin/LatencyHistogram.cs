using System.Numerics;

namespace DurableGateway.Admin;

/// <summary>
/// How many requests took how long, in buckets of fixed bounds. Histograms of nodes, routes and minutes are merged by addition, so that
/// quantiles are those of all requests, to three percent.
/// </summary>
internal sealed class LatencyHistogram
{
    /// <summary>The buckets end at 79 days, and longer times are in the last one.</summary>
    public const int Buckets = 33 * Parts;

    /// <summary>How many buckets a power of two has. The first ones have the width of <see cref="Unit"/>.</summary>
    private const int Parts = 16;

    private static readonly TimeSpan Unit = TimeSpan.FromMilliseconds(0.1);

    private readonly SortedDictionary<int, long> _counts = [];

    public long Count { get; private set; }

    public double P50 => Quantile(0.5);

    public double P95 => Quantile(0.95);

    public double P99 => Quantile(0.99);

    public static int BucketOf(TimeSpan took)
    {
        var units = (ulong)Math.Max(0, took.Ticks / Unit.Ticks);
        if (units < Parts) return (int)units;
        var power = BitOperations.Log2(units) - BitOperations.Log2(Parts);
        return (int)Math.Min(Buckets - 1, (ulong)(power * Parts) + (units >> power));
    }

    /// <summary>The middle of a bucket in milliseconds.</summary>
    public static double MiddleOf(int bucket)
    {
        var power = Math.Max(0, (bucket / Parts) - 1);
        var first = (ulong)(bucket - (power * Parts)) << power;
        return (first + ((1UL << power) / 2.0)) * Unit.TotalMilliseconds;
    }

    public static LatencyHistogram Merge(IEnumerable<LatencyHistogram> histograms)
    {
        var merged = new LatencyHistogram();
        foreach (var (bucket, count) in histograms.SelectMany(histogram => histogram._counts)) merged.Add(bucket, count);
        return merged;
    }

    public void Add(int bucket, long count)
    {
        _counts[bucket] = _counts.GetValueOrDefault(bucket) + count;
        Count += count;
    }

    /// <summary>The time in milliseconds that a share of the requests did not exceed; 0 without requests.</summary>
    public double Quantile(double share)
    {
        var rank = Math.Max(1, (long)Math.Ceiling(share * Count));
        foreach (var (bucket, count) in _counts)
        {
            rank -= count;
            if (rank <= 0) return MiddleOf(bucket);
        }

        return 0;
    }
}
