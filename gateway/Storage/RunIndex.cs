using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Runs by what operators look for, the newest first. The sets are brought up to date before they are read.
/// </summary>
internal sealed class RunIndex(StoreConnection connection, RunIndexWriter writer)
{
    /// <summary>The number of runs that the first query asks of each shard. The newest runs are spread over all shards.</summary>
    private const int FirstLook = 8;

    private static readonly RunState[] States = Enum.GetValues<RunState>();

    /// <summary>All runs: those of each state. A list of all would cost each run a command and its place.</summary>
    public static IReadOnlyList<string> All { get; } = [.. States.Select(Of)];

    public static IReadOnlyList<string> OfRoute(string route) => [.. States.Select(state => Of(state, route))];
    public static string Of(RunState state) => "ix:s:" + state.Name();
    public static string Of(RunState state, string route) => $"ix:q:{state.Name()}:{route}";
    public static string OfStep(string step) => "ix:p:" + step;
    public static string OfSearched(string text) => "ix:k:" + Hash(text);

    /// <summary>
    /// The hashes by which a run is found: its idempotency key, and the values of some headers. They are separated by spaces.
    /// </summary>
    public static string SearchHashes(StoredRequest request, ImmutableArray<string> headers) => string.Join(' ', request.Headers
        .Select(line =>
            line.Name.Equals(DurableHeaders.IdempotencyKey, StringComparison.OrdinalIgnoreCase)
                ? IdempotencyKeyHeader.Read(line.Value, out _)
            : headers.Contains(line.Name, StringComparer.OrdinalIgnoreCase) ? line.Value.Trim()
            : null)
        .OfType<string>().Where(text => text.Length > 0).Select(Hash).Distinct());

    /// <summary>The newest runs of some sets that are older than a place and within a time range.</summary>
    /// <param name="indexes">The names of the sets.</param>
    /// <param name="beyond">The end of the previous page.</param>
    /// <param name="after">The earliest start (ms).</param>
    /// <param name="before">The end of the range, exclusive (ms).</param>
    /// <param name="limit">The maximum number of runs.</param>
    public async Task<IReadOnlyList<RunPlace>> NewestAsync(
        IReadOnlyList<string> indexes, RunPlace? beyond, long? after, long? before, int limit)
    {
        await writer.FlushAsync();
        var first = Math.Min(limit, FirstLook);
        RedisKey[] sets = [.. Enumerable.Range(0, connection.Shards)
            .SelectMany(shard => indexes.Select(index => StoreKeys.InShard(shard, index)))];
        var found = await Task.WhenAll(sets.Select(set => OfSetAsync(set, first)));
        var newest = Merge();
        if (first < limit)
        {
            // A set can have more runs for this page only if all runs that it returned are among the newest.
            var again = Enumerable.Range(0, found.Length)
                .Where(set => found[set].Count == first
                    && (newest.Count < limit || Newer(found[set][^1], newest[^1]) >= 0)).ToArray();
            foreach (var (set, places) in again.Zip(await Task.WhenAll(again.Select(set => OfSetAsync(sets[set], limit)))))
                found[set] = places;
            newest = Merge();
        }

        return newest;

        List<RunPlace> Merge()
        {
            // A run that changes its state meanwhile may be in two sets.
            var all = found.SelectMany(places => places).DistinctBy(place => place.Id).ToList();
            all.Sort((one, other) => -Newer(one, other));
            if (all.Count > limit) all.RemoveRange(limit, all.Count - limit);
            return all;
        }

        async Task<List<RunPlace>> OfSetAsync(RedisKey key, int count)
        {
            var max = Math.Min(beyond?.Started ?? long.MaxValue, before - 1 ?? long.MaxValue);
            var places = new List<RunPlace>();
            for (var skip = 0; places.Count < count;)
            {
                // The query includes the runs of the cursor's millisecond again, so skip those already listed.
                var offset = skip;
                var entries = await connection.ExecuteAsync(db => db.SortedSetRangeByScoreWithScoresAsync(
                    key, after ?? double.NegativeInfinity, max == long.MaxValue ? double.PositiveInfinity : max,
                    order: Order.Descending, skip: offset, take: count));
                foreach (var entry in entries)
                {
                    if (!RunId.TryParse(entry.Element, out var id)) continue;
                    var place = new RunPlace((long)entry.Score, id);
                    if (places.Count < count && (beyond is null || Newer(place, beyond.Value) < 0)) places.Add(place);
                }

                if (entries.Length < count) break;
                skip += entries.Length;
            }

            return places;
        }
    }

    /// <summary>The number of runs in a state, and the start of the oldest.</summary>
    public async Task<(long Count, DateTimeOffset? Oldest)> CountAsync(RunState state)
    {
        await writer.FlushAsync();
        var shards = await Task.WhenAll(Enumerable.Range(0, connection.Shards).Select(async shard =>
        {
            var key = StoreKeys.InShard(shard, Of(state));
            var count = connection.ExecuteAsync(db => db.SortedSetLengthAsync(key));
            var oldest = await connection.ExecuteAsync(db => db.SortedSetRangeByRankWithScoresAsync(key, 0, 0));
            return (Count: await count, Oldest: oldest is [var first] ? (long)first.Score : long.MaxValue);
        }));
        var earliest = shards.Min(shard => shard.Oldest);
        return (shards.Sum(shard => shard.Count), earliest == long.MaxValue ? null : DateTimeOffset.FromUnixTimeMilliseconds(earliest));
    }

    private static int Newer(RunPlace one, RunPlace other) => one.Started != other.Started
        ? one.Started.CompareTo(other.Started)
        : string.CompareOrdinal(one.Id.ToString(), other.Id.ToString());

    private static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, 16));
}
