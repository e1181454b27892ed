using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Steps that wait, on the Redis protocol.</summary>
internal sealed class RedisWaitStore(
    StoreConnection connection, RecordCodec codec, StepValueReader values, UnlistedRuns unlisted, TimeProvider time) : IWaitStore
{
    public async Task<AwaitAnswer> AwaitAsync(
        Waiter waiter, Fence attempt, WaitKind kind, int maxSteps, DateTimeOffset? until, DateTimeOffset? since, StepOutcome givenUp)
    {
        connection.Admit(StoreWriteKind.RunUnderWay);
        unlisted.Add(waiter.Run);
        var keys = Keys(waiter.Run);
        var answer = (RedisValue[])(await connection.EvaluateSafelyAsync(keys.Run, () => new ScriptCall(Scripts.WaitForDelivery, keys)
        {
            ["attempt"] = attempt.Attempt,
            ["nonce"] = attempt.Nonce,
            ["step"] = waiter.Step,
            ["max_steps"] = maxSteps,
            ["kind"] = Letter(kind),
            ["give_up"] = Milliseconds(until),
            ["since"] = Milliseconds(since),
            ["now"] = Milliseconds(time.GetUtcNow()),
            ["record"] = codec.Encode(waiter.Run, givenUp),
        }))!;
        if ((string)answer[0]! != "waiting") return new AwaitAnswer(values.Answer(waiter.Run, waiter.Step, answer));
        var over = answer[1].IsNullOrEmpty ? (DateTimeOffset?)null : From(answer[1]);
        return new AwaitAnswer(new StepAnswer(StepVerdict.Scheduled, Due: over ?? default), From(answer[2]), over ?? From(answer[3]));
    }

    public async Task<Delivery> DeliverAsync(RunId run, WaitKind kind, StepOutcome outcome, string? eventName, int told)
    {
        connection.Admit(StoreWriteKind.RunUnderWay);
        unlisted.Add(run);
        var keys = Keys(run);
        var answer = (RedisValue[])(await connection.WriteAsync(
            keys.Run, outcome.Body.Length, () => codec.Encode(run, outcome), () => new ScriptCall(Scripts.DeliverToStep, keys)
            {
                ["run_id"] = run.ToString(),
                ["step"] = outcome.Id,
                ["kind"] = Letter(kind),
                ["outcome"] = StepValueReader.Letter(outcome),
                ["now"] = Milliseconds(time.GetUtcNow()),
                ["event"] = eventName,
                ["told_attempt"] = told == 0 ? RedisValue.Null : told,
            }))!;
        return (string)answer[0]! switch
        {
            "woken" => new(DeliveryVerdict.Woken),
            "used" => new(DeliveryVerdict.Used, From(answer[2]), From(answer[1].IsNullOrEmpty ? answer[3] : answer[1])),
            "done" => new(DeliveryVerdict.Done),
            "late" => new(DeliveryVerdict.Late),
            "none" => new(DeliveryVerdict.Nobody),
            "ended" => new(DeliveryVerdict.Ended),
            _ => new(DeliveryVerdict.Unknown),
        };
    }

    /// <remarks>
    /// Two reads without a transaction: the answer can be outdated in any case. <c>deliver-to-step.lua</c> defines the states and values.
    /// </remarks>
    public async Task<DeliveryVerdict> PeekAsync(Waiter waiter, WaitKind kind)
    {
        var keys = Keys(waiter.Run);
        var state = await connection.ExecuteAsync(db => db.HashGetAsync(keys.Run, "state"));
        if (state.IsNullOrEmpty) return DeliveryVerdict.Unknown;
        if (state != "running" && state != "waiting") return DeliveryVerdict.Ended;
        var value = await connection.ExecuteAsync(db => db.HashGetAsync(keys.Steps, waiter.Step));
        if (value.IsNullOrEmpty) return DeliveryVerdict.Nobody;
        if (((byte[])value!)[0] is (byte)'C' or (byte)'F') return DeliveryVerdict.Done;
        var parts = value.ToString().Split(':');
        if (parts is not [var letters, var over, _] || letters != "E" + Letter(kind)) return DeliveryVerdict.Nobody;
        return over.Length > 0 && From(over) <= time.GetUtcNow() ? DeliveryVerdict.Late : DeliveryVerdict.Woken;
    }

    public async Task<Invoker?> GetInvokerAsync(RunId run)
    {
        var parent = await connection.ExecuteAsync(db => db.HashGetAsync(Keys(run).Run, "parent"));
        return parent.IsNullOrEmpty ? null : Invoker.Parse(parent.ToString());
    }

    public async Task<int> GetRepetitionAsync(Waiter waiter) =>
        (int)await connection.ExecuteAsync(db => db.HashGetAsync(Keys(waiter.Run).Run, "again:" + waiter.Step));

    public async Task<StoredRequest?> GetRequestAsync(RunId run)
    {
        var key = Keys(run).Request;
        var record = await connection.ReadLargeAsync(db => db.StringLengthAsync(key), db => db.StringGetAsync(key));
        return record.IsNull ? null : codec.DecodeRequest(run, RequestRecord.Decode(run, record!).Request);
    }

    private StoreKeys Keys(RunId run) => new(run, connection.Shards);

    private static string Letter(WaitKind kind) => ((char)kind).ToString();

    private static RedisValue Milliseconds(DateTimeOffset? time) => time is { } known ? known.ToUnixTimeMilliseconds() : RedisValue.Null;

    private static DateTimeOffset From(RedisValue milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds((long)(double)milliseconds);
}
