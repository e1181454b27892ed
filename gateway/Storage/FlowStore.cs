using System.Buffers.Binary;
using System.Buffers.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Concurrency limits and rate limits, which all nodes share.</summary>
internal sealed class FlowStore(StoreConnection connection, EngineSettings settings, TimeProvider time) : IFlowStore
{
    /// <summary>How long the store keeps a concurrency limit without activity.</summary>
    private static readonly TimeSpan LimitLifetime = TimeSpan.FromDays(30);

    public async Task<ConcurrencyAnswer> EnterAsync(
        ConcurrencyLimit limit, RunId run, string permit, DateTimeOffset leaseEnd, TimeSpan lifetime)
    {
        var now = time.GetUtcNow();
        var call = NewCall(Scripts.AcquirePlace, limit, run, now);
        call["lease_end"] = Milliseconds(leaseEnd);
        call["limit"] = limit.MaxRuns;
        call["order"] = limit.Order;
        call["reserved_until"] = Milliseconds(now + settings.Lease);
        call["lifetime"] = (long)lifetime.TotalMilliseconds;
        call["permit"] = permit;
        var answer = (RedisValue[])(await connection.EvaluateAsync(call))!;
        return new ConcurrencyAnswer((int)answer[0] == 1, (int)answer[1], Parse(answer.Skip(2)));
    }

    public async Task<IReadOnlyList<RunId>> LeaveAsync(ConcurrencyLimit limit, RunId run, string permit)
    {
        var now = time.GetUtcNow();
        var call = NewCall(Scripts.ReleasePlace, limit, run, now);
        call["limit"] = limit.MaxRuns;
        call["reserved_until"] = Milliseconds(now + settings.Lease);
        call["permit"] = permit;
        call["lifetime"] = (long)LimitLifetime.TotalMilliseconds;
        return Parse((RedisValue[])(await connection.EvaluateAsync(call))!);
    }

    public Task KeepAsync(ConcurrencyLimit limit, RunId run, string permit, DateTimeOffset leaseEnd)
    {
        var call = NewCall(Scripts.RenewPlace, limit, run, time.GetUtcNow());
        call["lease_end"] = Milliseconds(leaseEnd);
        call["permit"] = permit;
        call["lifetime"] = (long)LimitLifetime.TotalMilliseconds;
        return connection.EvaluateAsync(call);
    }

    public async Task<bool> WakeAsync(RunId run)
    {
        var keys = new StoreKeys(run, connection.Shards);
        return (int)await connection.EvaluateAsync(
            new ScriptCall(Scripts.WakeQueued, keys) { ["run_id"] = run.ToString(), ["now"] = Milliseconds(time.GetUtcNow()) }) == 1;
    }

    public async Task<DateTimeOffset?> PostponeAsync(RunId run, DateTimeOffset until)
    {
        var keys = new StoreKeys(run, connection.Shards);
        var due = (RedisValue)await connection.EvaluateAsync(new ScriptCall(Scripts.PostponeQueued, keys)
        {
            ["run_id"] = run.ToString(),
            ["now"] = Milliseconds(time.GetUtcNow()),
            ["next_try"] = Milliseconds(until),
        });
        return due.IsNullOrEmpty ? null : DateTimeOffset.FromUnixTimeMilliseconds((long)(double)due);
    }

    public async Task<DateTimeOffset> ReserveAsync(string rate, RunId run, int permits, TimeSpan window)
    {
        var start = await connection.EvaluateAsync(new ScriptCall(Scripts.ReserveStart)
        {
            [ScriptKey.Starts] = StoreKeys.InShard(ShardOf(rate), $"rate:{rate}"),
            ["run_id"] = run.ToString(),
            ["now"] = Milliseconds(time.GetUtcNow()),
            ["permits"] = permits,
            ["window"] = (long)window.TotalMilliseconds,
        });
        return DateTimeOffset.FromUnixTimeMilliseconds((long)(double)start);
    }

    public Task GiveBackAsync(string rate, RunId run) =>
        connection.ExecuteAsync(db => db.SortedSetRemoveAsync(StoreKeys.InShard(ShardOf(rate), $"rate:{rate}"), run.ToString()));

    private ScriptCall NewCall(Script script, ConcurrencyLimit limit, RunId run, DateTimeOffset now)
    {
        var shard = ShardOf(limit.Name);
        return new ScriptCall(script)
        {
            [ScriptKey.Holders] = StoreKeys.InShard(shard, $"in:{limit.Name}"),
            [ScriptKey.Queue] = StoreKeys.InShard(shard, $"queue:{limit.Name}"),
            [ScriptKey.QueueLengths] = StoreKeys.WaitingIn(shard),
            [ScriptKey.Permits] = StoreKeys.InShard(shard, $"permits:{limit.Name}"),
            ["run_id"] = run.ToString(),
            ["now"] = Milliseconds(now),
            ["name"] = limit.Name,
        };
    }

    private int ShardOf(string name) =>
        (int)(BinaryPrimitives.ReadUInt32BigEndian(Base64Url.DecodeFromChars(name)) % (uint)connection.Shards);

    private static RunId[] Parse(IEnumerable<RedisValue> ids) =>
        [.. ids.Select(id => RunId.TryParse(id, out var run) ? run : default).Where(run => run != default)];

    private static long Milliseconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds();
}
