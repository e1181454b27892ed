using System.Buffers.Binary;
using System.Buffers.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Gates and rates of flow control, which all nodes share.</summary>
internal sealed class FlowStore(StoreConnection connection, EngineSettings settings, TimeProvider time) : IFlowStore
{
    /// <summary>How long a gate is kept with no news of anybody who is in or waits.</summary>
    private static readonly TimeSpan GateLifetime = TimeSpan.FromDays(30);

    public async Task<GateAnswer> EnterAsync(Gate gate, RunId run, string permit, DateTimeOffset leaseEnd, TimeSpan lifetime)
    {
        var now = time.GetUtcNow();
        var answer = (RedisValue[])(await connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.Enter, Keys(gate),
            [run.ToString(), Milliseconds(now), Milliseconds(leaseEnd), gate.Limit, gate.Order, Milliseconds(now + settings.Lease), (long)lifetime.TotalMilliseconds, gate.Name, permit])))!;
        return new GateAnswer((int)answer[0] == 1, (int)answer[1], Parse(answer.Skip(2)));
    }

    public async Task<IReadOnlyList<RunId>> LeaveAsync(Gate gate, RunId run, string permit)
    {
        var now = time.GetUtcNow();
        return Parse((RedisValue[])(await connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.Leave, Keys(gate),
            [run.ToString(), Milliseconds(now), gate.Limit, Milliseconds(now + settings.Lease), gate.Name, permit, (long)GateLifetime.TotalMilliseconds])))!);
    }

    public Task KeepAsync(Gate gate, RunId run, string permit, DateTimeOffset leaseEnd) =>
        connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.Keep, Keys(gate),
            [run.ToString(), Milliseconds(time.GetUtcNow()), Milliseconds(leaseEnd), permit, (long)GateLifetime.TotalMilliseconds, gate.Name]));

    public async Task<bool> WakeAsync(RunId run)
    {
        var keys = new StoreKeys(run, connection.Shards);
        return (int)await connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.Wake, [keys.Run, keys.Due], [run.ToString(), Milliseconds(time.GetUtcNow())])) == 1;
    }

    public async Task<DateTimeOffset?> PostponeAsync(RunId run, DateTimeOffset until)
    {
        var keys = new StoreKeys(run, connection.Shards);
        var due = (RedisValue)await connection.ExecuteAsync(db => db.ScriptEvaluateAsync(
            Script.Postpone, [keys.Run, keys.Due], [run.ToString(), Milliseconds(time.GetUtcNow()), Milliseconds(until)]));
        return due.IsNullOrEmpty ? null : DateTimeOffset.FromUnixTimeMilliseconds((long)(double)due);
    }

    public async Task<DateTimeOffset> ReserveAsync(string rate, RunId run, int permits, TimeSpan window)
    {
        var start = await connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.Rate, [StoreKeys.InShard(ShardOf(rate), $"rate:{rate}")],
            [run.ToString(), Milliseconds(time.GetUtcNow()), permits, (long)window.TotalMilliseconds]));
        return DateTimeOffset.FromUnixTimeMilliseconds((long)(double)start);
    }

    public Task GiveBackAsync(string rate, RunId run) =>
        connection.ExecuteAsync(db => db.SortedSetRemoveAsync(StoreKeys.InShard(ShardOf(rate), $"rate:{rate}"), run.ToString()));

    private RedisKey[] Keys(Gate gate) =>
    [
        StoreKeys.InShard(ShardOf(gate.Name), $"in:{gate.Name}"), StoreKeys.InShard(ShardOf(gate.Name), $"queue:{gate.Name}"),
        StoreKeys.WaitingIn(ShardOf(gate.Name)), StoreKeys.InShard(ShardOf(gate.Name), $"permits:{gate.Name}"),
    ];

    private int ShardOf(string name) => (int)(BinaryPrimitives.ReadUInt32BigEndian(Base64Url.DecodeFromChars(name)) % (uint)connection.Shards);

    private static RunId[] Parse(IEnumerable<RedisValue> ids) =>
        [.. ids.Select(id => RunId.TryParse(id, out var run) ? run : default).Where(run => run != default)];

    private static long Milliseconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds();
}
