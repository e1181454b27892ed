using System.Collections.Concurrent;
using System.Globalization;
using System.Numerics;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Admin;

/// <summary>
/// Counts what comes to each route and what becomes of it: in memory, and every few seconds into the store, where the counts of all
/// nodes meet. A request costs a few additions, an idle node nothing.
/// </summary>
internal sealed class RouteCounter(RouteCountStore store, TimeProvider time) : BackgroundService, IRunObserver
{
    private const char Started = 's', Completed = 'c', Failed = 'f', Latency = 'l';
    private const int Minutes = 60;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(3);

    private ConcurrentDictionary<(long Minute, string Field), long> _counts = new();

    /// <summary>The end of a live attempt is counted with its response, whether the run was stored or not.</summary>
    void IRunObserver.RunEnded(Attempt attempt, RunState state, int status, bool isStored)
    {
        if (attempt.IsReplay) Ended(attempt.Route, state, time.GetUtcNow() - attempt.StartedAt);
    }

    public void Began(string route) => Add(route, Started, "");

    /// <param name="route">The id of the route.</param>
    /// <param name="state">What became of the run, stored or not.</param>
    /// <param name="took">From the request to the end.</param>
    public void Ended(string route, RunState state, TimeSpan took)
    {
        if (state == RunState.Cancelled) return;
        Add(route, state == RunState.Completed ? Completed : Failed, "");
        Add(route, Latency, Bucket(took).ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The last hour of each route, the oldest minute first.</summary>
    public async Task<ILookup<string, MinuteCounts>> GetAsync()
    {
        await FlushAsync();
        var last = Minute();
        var minutes = Enumerable.Range(0, Minutes).Select(back => last - (60L * (Minutes - 1 - back))).ToArray();
        var counts = await store.GetAsync(minutes);
        var routes = counts.Values.SelectMany(fields => fields.Keys)
            .Select(field => field[(field.IndexOf(' ', StringComparison.Ordinal) + 1)..]).Distinct(StringComparer.Ordinal);
        return routes.SelectMany(route => minutes.Select(minute => (route, Counts: Read(counts[minute], route, minute))))
            .ToLookup(pair => pair.route, pair => pair.Counts, StringComparer.OrdinalIgnoreCase);
    }

    public static IReadOnlyList<MinuteCounts> Nothing(DateTimeOffset now) =>
        [.. Enumerable.Range(0, Minutes).Select(back => new MinuteCounts(
            DateTimeOffset.FromUnixTimeSeconds((now.ToUnixTimeSeconds() / 60 * 60) - (60L * (Minutes - 1 - back))), 0, 0, 0, 0))];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await TryFlushAsync();
        }
        catch (OperationCanceledException)
        {
            // What was counted since is told before the store's connection goes.
            await TryFlushAsync();
        }
    }

    private async Task TryFlushAsync()
    {
        try
        {
            await FlushAsync();
        }
        catch (Exception e) when (e is StoreUnavailableException or UnreadableRecordException)
        {
            // Counts of a time without a store are lost: they are for people, and not worth keeping for long.
        }
    }

    private async Task FlushAsync()
    {
        if (_counts.IsEmpty) return;
        await store.AddAsync(Interlocked.Exchange(ref _counts, new()).ToArray());
    }

    private static MinuteCounts Read(Dictionary<string, long> fields, string route, long minute)
    {
        var buckets = new long[32];
        for (var i = 0; i < buckets.Length; i++)
            buckets[i] = fields.GetValueOrDefault(string.Create(CultureInfo.InvariantCulture, $"{Latency}{i} {route}"));
        return new MinuteCounts(
            DateTimeOffset.FromUnixTimeSeconds(minute), fields.GetValueOrDefault($"{Started} {route}"),
            fields.GetValueOrDefault($"{Completed} {route}"),
            fields.GetValueOrDefault($"{Failed} {route}"), Median(buckets));
    }

    /// <summary>By powers of two: what a graph needs, and what counts of several nodes can be added up in.</summary>
    private static int Bucket(TimeSpan took) =>
        Math.Min(31, BitOperations.Log2((uint)Math.Clamp(took.TotalMilliseconds, 0, int.MaxValue) + 1));

    private static double Median(long[] buckets)
    {
        var half = (buckets.Sum() + 1) / 2;
        if (half == 0) return 0;
        var i = 0;
        for (long seen = buckets[0]; seen < half; seen += buckets[i]) i++;
        return 1.5 * (1L << i) - 1;
    }

    private long Minute() => time.GetUtcNow().ToUnixTimeSeconds() / 60 * 60;

    private void Add(string route, char what, string detail) =>
        Volatile.Read(ref _counts).AddOrUpdate((Minute(), $"{what}{detail} {route}"), 1, static (_, count) => count + 1);
}
