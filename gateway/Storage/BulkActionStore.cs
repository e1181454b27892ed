using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Actions on sets of runs. They are few and need no spreading: all are in one shard. While one is under way it is in the due-queue, so
/// that another node goes on where this one stopped.
/// </summary>
internal sealed class BulkActionStore(StoreConnection connection, RecordCodec codec, EngineSettings engine, TimeProvider time)
{
    private const int Shard = 0;
    private static readonly TimeSpan Kept = TimeSpan.FromDays(30);
    private static readonly RedisKey Newest = StoreKeys.InShard(Shard, "sets");

    /// <summary>How long others leave it to a node that is not heard of.</summary>
    public TimeSpan Lease => engine.Lease;

    public static OutboxEntry EntryOf(Guid id) => new(Shard, $"{BulkAction.Prefix}{id}");

    public Task BeginAsync(BulkAction set) => connection.EvaluateSafelyAsync(Key(set.Id), () => new ScriptCall(Scripts.BulkBegin)
    {
        [ScriptKey.BulkAction] = Key(set.Id),
        [ScriptKey.BulkActions] = Newest,
        [ScriptKey.Due] = StoreKeys.DueOf(Shard),
        ["id"] = set.Id.ToString(),
        ["now"] = Milliseconds(set.StartedAt),
        ["taken_until"] = TakeoverTime(),
        ["lifetime"] = (long)Kept.TotalMilliseconds,
        ["verb"] = set.Verb,
        ["filter"] = codec.EncodeFilter(set.Id, set.Filter),
        ["who"] = set.Who,
    });

    /// <summary>Counts the page that begins at the set's cursor.</summary>
    /// <param name="set">The set, with that cursor.</param>
    /// <param name="next">Where the next page begins.</param>
    /// <param name="done">How many runs it was done to.</param>
    /// <param name="refused">How many runs were in no state for it.</param>
    /// <param name="state">Whether that was all.</param>
    /// <param name="problem">Why it failed.</param>
    /// <returns>The state that it is in; <see langword="null"/> where somebody else is further, or it has ended.</returns>
    public async Task<BulkActionState?> AdvanceAsync(
        BulkAction set, string next, int done, int refused, BulkActionState state, string problem = "") =>
        State(await connection.EvaluateSafelyAsync(Key(set.Id), () => new ScriptCall(Scripts.BulkAdvance)
        {
            [ScriptKey.BulkAction] = Key(set.Id),
            [ScriptKey.Due] = StoreKeys.DueOf(Shard),
            ["id"] = set.Id.ToString(),
            ["now"] = Milliseconds(time.GetUtcNow()),
            ["taken_until"] = TakeoverTime(),
            ["cursor"] = set.Cursor,
            ["next_cursor"] = next,
            ["done"] = done,
            ["refused"] = refused,
            ["state"] = Name(state),
            ["problem"] = problem,
        }));

    /// <summary>Keeps others from it for another lease, while it is under way.</summary>
    public async Task KeepAsync(Guid id) =>
        await connection.ExecuteAsync(db =>
            db.SortedSetUpdateAsync(StoreKeys.DueOf(Shard), EntryOf(id).Name, TakeoverTime(), SortedSetWhen.Exists));

    public Task StopAsync(Guid id) =>
        connection.EvaluateSafelyAsync(Key(id), () => new ScriptCall(Scripts.BulkStop) { [ScriptKey.BulkAction] = Key(id) });

    /// <exception cref="UnreadableRecordException">Its filter is sealed with a key that is gone.</exception>
    public async Task<BulkAction?> GetAsync(Guid id)
    {
        var fields = (await connection.ExecuteAsync(db => db.HashGetAllAsync(Key(id))))
            .ToDictionary(field => field.Name.ToString(), field => field.Value);
        if (!fields.TryGetValue("state", out var state) || State(state) is not { } known) return null;
        var filter = codec.DecodeFilter(id, fields.GetValueOrDefault("filter"));
        return new BulkAction(id, Text("verb"), filter, Text("who"), At("started") ?? default)
        {
            State = known,
            Cursor = Text("cursor"),
            Done = (int)fields.GetValueOrDefault("done"),
            Refused = (int)fields.GetValueOrDefault("refused"),
            EndedAt = At("ended"),
            Problem = Text("problem") is { Length: > 0 } problem ? problem : null,
        };

        string Text(string name) => fields.GetValueOrDefault(name).ToString();

        DateTimeOffset? At(string name) => fields.GetValueOrDefault(name) is { IsNullOrEmpty: false } value
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)value)
            : null;
    }

    public async Task<IReadOnlyList<BulkAction>> GetNewestAsync(int limit)
    {
        var ids = await connection.ExecuteAsync(db => db.SortedSetRangeByRankAsync(Newest, 0, limit - 1, Order.Descending));
        return [.. (await Task.WhenAll(ids.Select(id => GetAsync(Guid.Parse(id.ToString()))))).OfType<BulkAction>()];
    }

    private long TakeoverTime() => Milliseconds(time.GetUtcNow() + engine.Lease);

    private static BulkActionState? State(RedisResult answer) => State((RedisValue)answer);

    private static BulkActionState? State(RedisValue name) =>
        Enum.TryParse<BulkActionState>(name.ToString(), ignoreCase: true, out var state) ? state : null;

    private static string Name(BulkActionState state) => state.ToString().ToLowerInvariant();

    private static RedisKey Key(Guid id) => StoreKeys.InShard(Shard, $"set:{id}");

    private static long Milliseconds(DateTimeOffset at) => at.ToUnixTimeMilliseconds();
}
