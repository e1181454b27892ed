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

    /// <summary>A route that fails now shows it now, and not when its runs have used up their tries.</summary>
    void IRunObserver.AttemptFailed(Attempt attempt, AttemptFailure failure, DateTimeOffset due) =>
        Traffic(attempt.Route).WasRetried(Minute());

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
        var routes = new Dictionary<string, MinuteCounts[]>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < minutes.Length; i++)
        {
            foreach (var (field, count) in counts[minutes[i]])
            {
                if (RouteTraffic.Parse(field) is not { } known) continue;
                if (!routes.TryGetValue(known.Route, out var ofRoute)) routes[known.Route] = ofRoute = [.. Nothing(minutes)];
                ofRoute[i] = With(ofRoute[i], known.What, known.Bucket, count);
            }
        }

        return routes.SelectMany(route => route.Value.Select(one => (route.Key, Counts: one)))
            .ToLookup(pair => pair.Key, pair => pair.Counts, StringComparer.OrdinalIgnoreCase);
    }

    private static MinuteCounts With(MinuteCounts minute, char what, int bucket, long count)
    {
        switch (what)
        {
            case RouteTraffic.Started: return minute with { Started = count };
            case RouteTraffic.Completed: return minute with { Completed = count };
            case RouteTraffic.Failed: return minute with { Failed = count };
            case RouteTraffic.Retried: return minute with { Retried = count };
            case RouteTraffic.Unbound: return minute with { Unbound = count };
            case RouteTraffic.Latency:
                minute.Latency.Add(bucket, count);
                return minute;
            default: return minute;
        }
    }

    public static IReadOnlyList<MinuteCounts> Nothing(DateTimeOffset now) =>
        Nothing(Enumerable.Range(0, Minutes).Select(back => (now.ToUnixTimeSeconds() / 60 * 60) - (60L * (Minutes - 1 - back))));

    private static IReadOnlyList<MinuteCounts> Nothing(IEnumerable<long> minutes) =>
        [.. minutes.Select(minute => new MinuteCounts(DateTimeOffset.FromUnixTimeSeconds(minute), 0, 0, 0, new LatencyHistogram()))];

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

    private long Minute() => time.GetUtcNow().ToUnixTimeSeconds() / 60 * 60;

    private RouteTraffic Traffic(string route) => _routes.GetOrAdd(route, static route => new RouteTraffic(route));
}
