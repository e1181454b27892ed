using System.Globalization;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Counts by route and minute from all nodes: a small hash for each minute, gone after little more than an hour.</summary>
internal sealed class RouteCounters(StoreConnection connection)
{
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(65);

    /// <param name="counts">By the start of the minute (s) and the name of the field.</param>
    public Task AddAsync(IReadOnlyCollection<KeyValuePair<(long Minute, string Field), long>> counts) => connection.ExecuteAsync(async db =>
    {
        // Sent one behind the other; only the last answer is waited for by more than its turn.
        var writes = counts.Select(count => (Task)db.HashIncrementAsync(Key(count.Key.Minute), count.Key.Field, count.Value))
            .Concat(counts.Select(count => count.Key.Minute).Distinct().Select(minute => (Task)db.KeyExpireAsync(Key(minute), Kept))).ToArray();
        await Task.WhenAll(writes);
        return writes.Length;
    });

    /// <summary>The counts of some minutes, each by the name of the field.</summary>
    public async Task<IReadOnlyDictionary<long, Dictionary<string, long>>> GetAsync(IEnumerable<long> minutes)
    {
        var answers = await Task.WhenAll(minutes.Select(async minute =>
            (minute, await connection.ExecuteAsync(db => db.HashGetAllAsync(Key(minute))))));
        return answers.ToDictionary(answer => answer.minute, answer => answer.Item2.ToDictionary(field => field.Name.ToString(), field => (long)field.Value));
    }

    private static RedisKey Key(long minute) => StoreKeys.InShard(0, string.Create(CultureInfo.InvariantCulture, $"ct:{minute}"));
}
