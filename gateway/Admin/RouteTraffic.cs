using System.Globalization;
using System.Numerics;
using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <summary>
/// What comes to one route, counted by minute. To count is one addition; nothing is lost between those who count and the one who takes
/// the counts, because a minute stays for a while after it is over.
/// </summary>
internal sealed class RouteTraffic(string route)
{
    public const char Started = 's', Completed = 'c', Failed = 'f', Unbound = 'u', Latency = 'l';
    public const int Buckets = 32;

    private const int StartedCell = 0, CompletedCell = 1, FailedCell = 2, UnboundCell = 3, FirstBucket = 4;

    /// <summary>Longer than it takes from the look for a minute to the addition to it.</summary>
    private const long StaySeconds = 120;

    private readonly Lock _lock = new();
    private readonly List<Minute> _minutes = [];
    private volatile Minute? _current;

    public static string FieldOf(char what, string route) => $"{what} {route}";

    public static string FieldOf(int bucket, string route) => string.Create(CultureInfo.InvariantCulture, $"{Latency}{bucket} {route}");

    /// <param name="now">The start of the minute (s).</param>
    public void Began(long now) => Interlocked.Increment(ref Find(now).Cells[StartedCell]);

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
        Interlocked.Increment(ref cells[FirstBucket + Bucket(took)]);
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
        _ => FieldOf(cell - FirstBucket, route),
    };

    /// <summary>By powers of two: what a graph needs, and what counts of several nodes can be added up in.</summary>
    private static int Bucket(TimeSpan took) =>
        Math.Min(Buckets - 1, BitOperations.Log2((uint)Math.Clamp(took.TotalMilliseconds, 0, int.MaxValue) + 1));

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
        public long[] Cells { get; } = new long[FirstBucket + Buckets];
    }
}
