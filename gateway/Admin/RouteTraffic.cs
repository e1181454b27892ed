using System.Globalization;
using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <summary>
/// What comes to one route, counted by minute. To count is one addition; nothing is lost between those who count and the one who takes
/// the counts, because a minute stays for a while after it is over.
/// </summary>
internal sealed class RouteTraffic(string route)
{
    public const char Started = 's', Completed = 'c', Failed = 'f', Retried = 'r', Unbound = 'u', Latency = 'h';

    private const int StartedCell = 0, CompletedCell = 1, FailedCell = 2, UnboundCell = 3, RetriedCell = 4, FirstBucket = 5;

    /// <summary>Longer than it takes from the look for a minute to the addition to it.</summary>
    private const long StaySeconds = 120;

    private readonly Lock _lock = new();
    private readonly List<Minute> _minutes = [];
    private volatile Minute? _current;

    /// <summary>Reads the name of a field.</summary>
    /// <returns>
    /// What is counted, the bucket of a latency, and the route; <see langword="null"/> if it is a field of another release.
    /// </returns>
    public static (char What, int Bucket, string Route)? Parse(string field)
    {
        var space = field.IndexOf(' ', StringComparison.Ordinal);
        if (space < 1) return null;
        var (what, bucket, route) = (field[0], field[1..space], field[(space + 1)..]);
        if (what != Latency) return bucket.Length == 0 ? (what, 0, route) : null;
        return int.TryParse(bucket, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < LatencyHistogram.Buckets
            ? (what, number, route)
            : null;
    }

    public static string FieldOf(char what, string route) => $"{what} {route}";

    public static string FieldOf(int bucket, string route) => string.Create(CultureInfo.InvariantCulture, $"{Latency}{bucket} {route}");

    /// <param name="now">The start of the minute (s).</param>
    public void Began(long now) => Interlocked.Increment(ref Find(now).Cells[StartedCell]);

    /// <summary>An attempt has failed, and its run is tried again.</summary>
    /// <param name="now">The start of the minute (s).</param>
    public void WasRetried(long now) => Interlocked.Increment(ref Find(now).Cells[RetriedCell]);

    /// <summary>A call that belongs to no run has come.</summary>
    /// <param name="now">The start of the minute (s).</param>
    public void WasUnbound(long now) => Interlocked.Increment(ref Find(now).Cells[UnboundCell]);

    /// <param name="now">The start of the minute (s).</param>
    /// <param name="state">How the run ended, stored or not.</param>
    /// <param name="took">From the request to the end.</param>
    public void Ended(long now, RunState state, TimeSpan took)
    {
        var cells = Find(now).Cells;
        Interlocked.Increment(ref cells[state == RunState.Completed ? CompletedCell : FailedCell]);
        Interlocked.Increment(ref cells[FirstBucket + LatencyHistogram.BucketOf(took)]);
    }

    /// <summary>Takes what was counted since the last call.</summary>
    /// <param name="now">The start of the minute (s).</param>
    /// <param name="taken">Gets the counts, by the start of the minute and the name of the field in the store.</param>
    public void TakeTo(long now, List<KeyValuePair<(long Minute, string Field), long>> taken)
    {
        lock (_lock)
        {
            foreach (var minute in _minutes)
            {
                for (var cell = 0; cell < minute.Cells.Length; cell++)
                {
                    if (Interlocked.Exchange(ref minute.Cells[cell], 0) is > 0 and var count)
                        taken.Add(KeyValuePair.Create((minute.Start, NameOf(cell)), count));
                }
            }

            _minutes.RemoveAll(minute => minute.Start < now - StaySeconds && minute != _current);
        }
    }

    private string NameOf(int cell) => cell switch
    {
        StartedCell => FieldOf(Started, route),
        CompletedCell => FieldOf(Completed, route),
        FailedCell => FieldOf(Failed, route),
        UnboundCell => FieldOf(Unbound, route),
        RetriedCell => FieldOf(Retried, route),
        _ => FieldOf(cell - FirstBucket, route),
    };

    private Minute Find(long start)
    {
        if (_current is { } current && current.Start == start) return current;
        lock (_lock)
        {
            var minute = _minutes.Find(one => one.Start == start);
            if (minute is null) _minutes.Add(minute = new Minute(start));
            _current = minute;
            return minute;
        }
    }

    private sealed class Minute(long start)
    {
        public long Start { get; } = start;
        public long[] Cells { get; } = new long[FirstBucket + LatencyHistogram.Buckets];
    }
}
