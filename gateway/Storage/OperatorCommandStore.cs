using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>What operators do to runs, each one script.</summary>
internal sealed class OperatorCommandStore(StoreConnection connection, RecordCodec codec, UnlistedRuns unlisted, TimeProvider time)
{
    /// <summary>Retries, pauses or resumes a run, or records that a new run repeats it.</summary>
    /// <returns>The script's answer: <c>done</c>, <c>unknown</c>, or <c>refused</c> with the state and whether it is paused.</returns>
    public async Task<(string Verdict, RunState State, bool Paused)> ActAsync(RunId run, string verb, string note)
    {
        var keys = new StoreKeys(run, connection.Shards);
        var answer = (RedisValue[])(await connection.EvaluateSafelyAsync(keys.Run, () => new ScriptCall(Scripts.OperatorAction, keys)
        {
            ["run_id"] = run.ToString(),
            ["action"] = verb,
            ["now"] = Now(),
            ["note"] = note,
        }))!;
        _ = RunStates.TryParse(answer.Length > 1 ? answer[1].ToString() : null, out var state);
        return (answer[0].ToString(), state, answer.Length > 2 && answer[2] == "1");
    }

    /// <summary>The concurrency limit of a run; <see langword="null"/> if it has none.</summary>
    public async Task<ConcurrencyLimit?> GetConcurrencyLimitAsync(RunId run)
    {
        var limit = await connection.ExecuteAsync(db => db.HashGetAsync(new StoreKeys(run, connection.Shards).Run, "limit"));
        return ConcurrencyLimit.Parse(limit.ToString());
    }

    /// <summary>Makes a run continue from a step, or with the given outcome of the step.</summary>
    /// <param name="run">The run.</param>
    /// <param name="step">The step.</param>
    /// <param name="outcome">The new outcome; <see langword="null"/> if the run continues from the step.</param>
    /// <param name="policy">The run's policy.</param>
    /// <param name="note">For the history.</param>
    /// <param name="calls">For steps whose repetitions are not counted by their id: the id, and the name that counts.</param>
    /// <returns>The script's answer: <c>done</c>, <c>unknown</c>, <c>running</c> or <c>step</c>.</returns>
    public async Task<string> ReviseAsync(
        RunId run, string step, StepOutcome? outcome, RunPolicy policy, string note, params IEnumerable<(string Id, string Name)> calls)
    {
        if (outcome is not null) connection.Admit(StoreWriteKind.RunUnderWay);
        unlisted.Add(run);
        var keys = new StoreKeys(run, connection.Shards);
        var bytes = outcome?.Body.Length ?? 0;
        var answer = (RedisValue[])(await connection.WriteLargeAsync(keys.Run, bytes, db => new ScriptCall(Scripts.Revise, keys)
        {
            ["run_id"] = run.ToString(),
            ["step"] = step,
            ["outcome"] = outcome is null ? RedisValue.Null : StepValueReader.Letter(outcome),
            ["record"] = outcome is null ? RedisValue.Null : codec.Encode(run, outcome),
            ["now"] = Now(),
            ["run_timeout"] = (long)policy.RunTimeout.TotalMilliseconds,
            ["retention"] = (long)policy.Retention.TotalMilliseconds,
            ["note"] = note,
            Rest = calls.SelectMany(call => new RedisValue[] { call.Id, call.Name }),
        }.EvaluateAsync(db)))!;
        return answer[0].ToString();
    }

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();
}
