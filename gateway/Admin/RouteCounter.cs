using System.Collections.Concurrent;
using DurableGateway.Proxy;
using DurableGateway.Results;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Admin;

/// <summary>
/// Counts the requests of each route and their outcomes. It counts in memory and adds the counts to the store every few seconds, where
/// the counts of all nodes are summed. An idle node writes nothing.
/// </summary>
internal sealed class RouteCounter(RouteCountStore store, TimeProvider time) : BackgroundService, IRunObserver, IRequestObserver
{
    private const int Minutes = 60;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(3);

    private readonly ConcurrentDictionary<string, RouteTraffic> _routes = new(StringComparer.Ordinal);

    /// <summary>Counts replays only. Live attempts are counted by their response.</summary>
    void IRunObserver.RunEnded(Attempt attempt, RunState state, int status, bool isStored)
    {
        if (attempt.IsReplay && state != RunState.Cancelled)
            Traffic(attempt.Route).Ended(Minute(), state, time.GetUtcNow() - attempt.StartedAt);
    }

    void IRequestObserver.RequestBegan(string route) => Traffic(route).Began(Minute());

    void IRequestObserver.RequestEnded(string route, HttpResponse response, TimeSpan took)
    {
        // A client that is redirected to a result URL has a run that is not over.
        if (ResultUrlFactory.IsResult(response.Headers.Location.ToString())) return;
        Traffic(route).Ended(
            Minute(), response.StatusCode < StatusCodes.Status500InternalServerError ? RunState.Completed : RunState.Failed, took);
    }

    void IRequestObserver.CallWasUnbound(string route) => Traffic(route).WasUnbound(Minute());

    /// <summary>The last hour of each route, oldest minute first.</summary>
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
            // Write the remaining counts before the connection to the store closes.
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
            // Drop the counts: they are for display only, and not worth keeping while the store is unavailable.
        }
    }

    private async Task FlushAsync()
    {
        var (now, counts) = (Minute(), new List<KeyValuePair<(long Minute, string Field), long>>());
        foreach (var (_, route) in _routes) route.TakeTo(now, counts);
        if (counts.Count > 0) await store.AddAsync(counts);
    }

    private static MinuteCounts Read(Dictionary<string, long> fields, string route, long minute)
    {
        var buckets = new long[RouteTraffic.Buckets];
        for (var i = 0; i < buckets.Length; i++) buckets[i] = fields.GetValueOrDefault(RouteTraffic.FieldOf(i, route));
        return new MinuteCounts(
            DateTimeOffset.FromUnixTimeSeconds(minute), Count(RouteTraffic.Started), Count(RouteTraffic.Completed),
            Count(RouteTraffic.Failed), Median(buckets), Count(RouteTraffic.Unbound));

        long Count(char what) => fields.GetValueOrDefault(RouteTraffic.FieldOf(what, route));
    }

    private static double Median(long[] buckets)
    {
        var half = (buckets.Sum() + 1) / 2;
        if (half == 0) return 0;
        var i = 0;
        for (long seen = buckets[0]; seen < half; seen += buckets[i]) i++;
        return 1.5 * (1L << i) - 1;
    }

    private long Minute() => time.GetUtcNow().ToUnixTimeSeconds() / 60 * 60;

    private RouteTraffic Traffic(string route) => _routes.GetOrAdd(route, static route => new RouteTraffic(route));
}
