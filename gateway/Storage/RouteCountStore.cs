using System.Globalization;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Counts by route and minute from all nodes. Each minute is a small hash that expires after little more than an hour.</summary>
internal sealed class RouteCountStore(StoreConnection connection)
{
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(65);

    /// <param name="counts">The counts, by the start of the minute (s) and the name of the field.</param>
    public Task AddAsync(IReadOnlyCollection<KeyValuePair<(long Minute, string Field), long>> counts) =>
        Task.WhenAll(counts.GroupBy(count => count.Key.Minute).Select(minute => connection.EvaluateAsync(new ScriptCall(Scripts.AddCounts)
        {
            [ScriptKey.Counts] = Key(minute.Key),
            ["lifetime"] = (long)Kept.TotalMilliseconds,
            Rest = minute.SelectMany(count => new RedisValue[] { count.Key.Field, count.Value }),
        })));

    /// <summary>The counts of the given minutes, by the name of the field.</summary>
    public async Task<IReadOnlyDictionary<long, Dictionary<string, long>>> GetAsync(IEnumerable<long> minutes)
    {
        var answers = await Task.WhenAll(minutes.Select(async minute =>
            (minute, await connection.ExecuteAsync(db => db.HashGetAllAsync(Key(minute))))));
        return answers.ToDictionary(
            answer => answer.minute, answer => answer.Item2.ToDictionary(field => field.Name.ToString(), field => (long)field.Value));
    }

    private static RedisKey Key(long minute) => StoreKeys.InShard(0, string.Create(CultureInfo.InvariantCulture, $"ct:{minute}"));
}
