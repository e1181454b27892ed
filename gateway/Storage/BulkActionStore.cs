using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Stores bulk actions. They are few, so all are in one shard. A running bulk action is in the due queue, so that another node can
/// continue it if this node stops.
/// </summary>
internal sealed class BulkActionStore(StoreConnection connection, RecordCodec codec, EngineSettings engine, TimeProvider time)
{
    private const int Shard = 0;
    private static readonly TimeSpan Kept = TimeSpan.FromDays(30);
    private static readonly RedisKey Newest = StoreKeys.InShard(Shard, "sets");

    /// <summary>How long other nodes wait before they continue the bulk action of a node that sends no updates.</summary>
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

    /// <summary>Records the page that begins at the cursor of the bulk action.</summary>
    /// <param name="set">The bulk action, with that cursor.</param>
    /// <param name="next">The cursor of the next page.</param>
    /// <param name="done">The number of runs that were changed.</param>
    /// <param name="refused">The number of runs whose state does not allow the action.</param>
    /// <param name="state">Whether this was the last page.</param>
    /// <param name="problem">The reason of the failure.</param>
    /// <returns>The new state; <see langword="null"/> if another node has continued the bulk action, or it has ended.</returns>
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

    /// <summary>Renews this node's claim on a running bulk action.</summary>
    public async Task KeepAsync(Guid id) =>
        await connection.ExecuteAsync(db =>
            db.SortedSetUpdateAsync(StoreKeys.DueOf(Shard), EntryOf(id).Name, TakeoverTime(), SortedSetWhen.Exists));

    public Task StopAsync(Guid id) =>
        connection.EvaluateSafelyAsync(Key(id), () => new ScriptCall(Scripts.BulkStop) { [ScriptKey.BulkAction] = Key(id) });

    /// <exception cref="UnreadableRecordException">The gateway does not have the key that sealed the filter.</exception>
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
