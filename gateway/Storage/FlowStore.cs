using System.Buffers.Binary;
using System.Buffers.Text;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Gates and rates of flow control, which all nodes share.</summary>
internal sealed class FlowStore(StoreConnection connection, EngineSettings settings, TimeProvider time)
{
    /// <summary>Lets a run through its gate, or has it wait.</summary>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task<GateAnswer> EnterAsync(Gate gate, RunId run, DateTimeOffset leaseEnd, TimeSpan lifetime)
    {
        var now = time.GetUtcNow();
        var answer = (RedisValue[])(await connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.Enter, Keys(gate),
            [run.ToString(), Milliseconds(now), Milliseconds(leaseEnd), gate.Limit, gate.Order, Milliseconds(now + settings.Lease), (long)lifetime.TotalMilliseconds, gate.Name])))!;
        return new GateAnswer((int)answer[0] == 1, (int)answer[1], Parse(answer.Skip(2)));
    }

    /// <summary>A run leaves; answers those whose turn has come.</summary>
    public async Task<IReadOnlyList<RunId>> LeaveAsync(Gate gate, RunId run)
    {
        var now = time.GetUtcNow();
        return Parse((RedisValue[])(await connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.Leave, Keys(gate),
            [run.ToString(), Milliseconds(now), gate.Limit, Milliseconds(now + settings.Lease), gate.Name])))!);
    }

    /// <summary>Extends the lease of a run that is in; one whose lease ran out is in again.</summary>
    public Task KeepAsync(Gate gate, RunId run, DateTimeOffset leaseEnd) =>
        connection.ExecuteAsync(db => db.SortedSetAddAsync(Keys(gate)[0], run.ToString(), Milliseconds(leaseEnd)));

    /// <summary>Makes a run due whose turn has come; <see langword="false"/> where it has ended or is unknown.</summary>
    public async Task<bool> WakeAsync(RunId run)
    {
        var keys = new StoreKeys(run, connection.Shards);
        return (int)await connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.Wake, [keys.Run, keys.Due], [run.ToString(), Milliseconds(time.GetUtcNow())])) == 1;
    }

    /// <summary>Puts off a run that is due.</summary>
    public Task DeferAsync(RunId run, DateTimeOffset until) => connection.ExecuteAsync(db => db.ScriptEvaluateAsync(
        Script.Defer, [new StoreKeys(run, connection.Shards).Due], [run.ToString(), Milliseconds(time.GetUtcNow()), Milliseconds(until)]));

    /// <summary>When a run may start; that time is kept for it.</summary>
    public async Task<DateTimeOffset> ReserveAsync(string rate, RunId run, int permits, TimeSpan window)
    {
        var start = await connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.Rate, [StoreKeys.InShard(ShardOf(rate), $"rate:{rate}")],
            [run.ToString(), Milliseconds(time.GetUtcNow()), permits, (long)window.TotalMilliseconds]));
        return DateTimeOffset.FromUnixTimeMilliseconds((long)(double)start);
    }

    private RedisKey[] Keys(Gate gate) =>
        [StoreKeys.InShard(ShardOf(gate.Name), $"in:{gate.Name}"), StoreKeys.InShard(ShardOf(gate.Name), $"queue:{gate.Name}"), StoreKeys.WaitingIn(ShardOf(gate.Name))];

    private int ShardOf(string name) => (int)(BinaryPrimitives.ReadUInt32BigEndian(Base64Url.DecodeFromChars(name)) % (uint)connection.Shards);

    private static RunId[] Parse(IEnumerable<RedisValue> ids) =>
        [.. ids.Select(id => RunId.TryParse(id, out var run) ? run : default).Where(run => run != default)];

    private static long Milliseconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds();
}

/// <param name="IsIn">Whether it may go on.</param>
/// <param name="Before">How many wait before it.</param>
/// <param name="Woken">Those whose turn has come.</param>
internal readonly record struct GateAnswer(bool IsIn, int Before, IReadOnlyList<RunId> Woken);
