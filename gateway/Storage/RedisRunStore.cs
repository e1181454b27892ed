using System.Runtime.CompilerServices;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>The run store on the Redis protocol. The transitions themselves are the Lua scripts.</summary>
internal sealed class RedisRunStore(StoreConnection connection, RecordCodec codec, StepValues values, StoreWishes wishes, TimeProvider time) : IRunStore
{
    /// <summary>How far a look at a queue goes past runs that have no room: each entry costs the store about a microsecond.</summary>
    private const int MostEntries = 1000;

    /// <summary>
    /// The most bytes of steps that come along with a claimed run. What is beyond it the service reads itself: a run with gigabytes of
    /// outcomes must still be claimed within one call.
    /// </summary>
    private const int MostStepBytes = 64 * 1024;

    /// <summary>A problem that the gateway itself describes is smaller.</summary>
    private const int SmallResult = 4096;

    private static readonly string Running = RunState.Running.Name();
    private static readonly RedisValue[] OriginFields = ["route", "policy", "attempt", "started", "trace"];
    private static readonly RedisValue[] SnapshotFields = ["state", "attempt", "started", "next", "completed", "failed", "bound"];

    public Task<bool> CreateRunningAsync(NewRun run, string owner, DateTimeOffset leaseEnd) =>
        CreateAsync(run, RunState.Running, owner, leaseEnd, attempt: 1, failures: 0, default);

    public Task<bool> CreateWaitingAsync(NewRun run, string owner, DateTimeOffset nextAttempt, AttemptNote note, bool counts, DateTimeOffset? unreachableSince) =>
        CreateAsync(run, RunState.Waiting, owner, nextAttempt < run.Deadline ? nextAttempt : run.Deadline, attempt: 1, failures: counts ? 1 : 0, note, unreachableSince);

    public Task<bool> CreateDueAsync(NewRun run, string owner, DateTimeOffset due) =>
        CreateAsync(run, RunState.Waiting, owner, due < run.Deadline ? due : run.Deadline, attempt: 0, failures: 0, default);

    public async Task<DateTimeOffset?> GetNextDueAsync(int shard)
    {
        var head = await connection.ExecuteAsync(db => db.SortedSetRangeByRankWithScoresAsync(StoreKeys.DueOf(shard), 0, 0));
        return head is [var first] ? FromMilliseconds((long)first.Score) : null;
    }

    public async Task<DueRuns> GetDueAsync(
        int shard, DateTimeOffset now, int limit, IReadOnlyCollection<string> fullRoutes, QueuePlace from, int perRoute)
    {
        var answer = await EvaluateAsync(Script.Due, [StoreKeys.DueOf(shard)],
        [
            Milliseconds(now), limit, MostEntries, StoreKeys.RunPrefix(shard), from.Score == 0 ? RedisValue.EmptyString : from.Score, from.Skip, perRoute,
            .. fullRoutes.Select(route => (RedisValue)route),
        ]);
        var held = (int)answer[3];
        var runs = new List<DueRun>();
        var outbox = new List<OutboxEntry>();
        for (var i = 4 + held; i + 3 < answer.Length; i += 4)
        {
            var entry = answer[i];
            if (RunId.TryParse(entry, out var id)) runs.Add(new DueRun(id, answer[i + 1].ToString(), answer[i + 2].ToString(), answer[i + 3] == Running));
            else if (OutboxEntry.Is(entry.ToString())) outbox.Add(new OutboxEntry(shard, entry.ToString()));

            // What is neither can never be claimed, and would stay at the head for ever.
            else await connection.ExecuteAsync(db => db.SortedSetRemoveAsync(StoreKeys.DueOf(shard), entry));
        }

        return new DueRuns(
            runs, answer[0].IsNullOrEmpty ? null : FromMilliseconds((long)(double)answer[0]),
            answer[1].IsNullOrEmpty ? null : new QueuePlace((long)(double)answer[1], (int)answer[2]),
            [.. answer.Skip(4).Take(held).Select(route => route.ToString())], outbox);
    }

    public async Task<ClaimedRun?> ClaimAsync(RunId run, string owner, DateTimeOffset now, DateTimeOffset leaseEnd, uint nonce)
    {
        var keys = Keys(run);
        // A service is told the number: no other attempt is given it again where a replica takes over.
        var answer = await EvaluateSafelyAsync(Script.Claim, [keys.Run, keys.Request, keys.Steps, keys.Pending, keys.Due, keys.History],
            () => [run.ToString(), Milliseconds(now), Milliseconds(leaseEnd), owner, MostStepBytes, nonce, connection.MostOrdinaryBytes]);
        if ((int)answer[0] == 0) return null;
        var attempt = (int)answer[1];
        try
        {
            if ((int)answer[2] != StoreKeys.Format)
                throw new UnreadableRecordException($"Run {run} was written in format {answer[2]}; this gateway reads {StoreKeys.Format}.");
            return new ClaimedRun
            {
                Id = run,
                Attempt = attempt,
                Failures = (int)answer[3],
                StartedAt = FromMilliseconds((long)answer[4]),
                Policy = RecordCodec.DecodePolicy((byte[]?)answer[5]),
                Route = (string)answer[6]!,
                Request = answer[7] == RedisValue.EmptyString ? null : codec.DecodeRequest(run, (byte[]?)answer[7]),
                StepCount = (int)answer[8],
                Build = answer[9].IsNullOrEmpty ? null : answer[9].ToString(),
                LastEventId = answer[10].IsNullOrEmpty ? null : answer[10].ToString(),
                DueAt = FromMilliseconds((long)(double)answer[11]),
                UnreachableSince = answer[12].IsNullOrEmpty ? null : FromMilliseconds((long)answer[12]),
                InlinesSteps = answer[13].IsNullOrEmpty,
                SleepsOver = (int)answer[14],
                Steps = values.Outcomes(run, answer.AsSpan(15)),
            };
        }
        catch (UnreadableRecordException e)
        {
            if (!e.KeyIsMissing) throw new UnreadableRecordException(e.Message, e) { Attempt = attempt };
            var policy = RecordCodec.DecodePolicy((byte[]?)answer[5]);
            throw new UnreadableRecordException(e.Message, e) { Attempt = attempt, KeyIsMissing = true, Policy = policy, Deadline = FromMilliseconds((long)answer[4]) + policy.RunTimeout };
        }
        catch (Exception e) when (e is InvalidCastException or FormatException or ArgumentException or OverflowException)
        {
            throw new UnreadableRecordException($"Run {run} has fields that cannot be read: {e.Message}", e) { Attempt = attempt };
        }
    }

    public async Task<bool> RenewAsync(AttemptKey attempt, DateTimeOffset leaseEnd)
    {
        var keys = Keys(attempt.Run);
        var answer = await connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.Renew, [keys.Run, keys.Due],
            [attempt.Run.ToString(), attempt.Number, attempt.Owner, Milliseconds(leaseEnd), attempt.Nonce]));
        return (int)answer == 1;
    }

    public Task<StepAnswer> StoreOutcomeAsync(RunId run, Fence attempt, StepOutcome outcome, int maxSteps, int? expectedTries, string why) =>
        StepAsync(run, attempt, outcome.Id, maxSteps, outcome.Failed ? "F" : "C", () => codec.Encode(run, outcome), expectedTries ?? -1, why: why, bytes: outcome.Body.Length);

    public Task<StepAnswer> ScheduleStepAsync(RunId run, Fence attempt, string step, int maxSteps, int expectedTries, DateTimeOffset nextTry, string why) =>
        StepAsync(run, attempt, step, maxSteps, "P", () => Milliseconds(nextTry), expectedTries, why: why);

    public Task<StepAnswer> StartStepAsync(RunId run, Fence attempt, int maxSteps, StepOutcome interrupted, string execution) =>
        StepAsync(run, attempt, interrupted.Id, maxSteps, "S", () => codec.Encode(run, interrupted), expectedTries: -1, execution);

    public async Task<StepAnswer> WaitAsync(RunId run, Fence attempt, StepOutcome outcome, int maxSteps, DateTimeOffset due, DateTimeOffset now)
    {
        connection.Admit(StoreDemand.RunUnderWay);
        var keys = Keys(run);
        return values.Answer(run, outcome.Id, await EvaluateSafelyAsync(Script.Wait, [keys.Run, keys.Steps, keys.Pending, keys.History], () =>
            [attempt.Attempt, outcome.Id, maxSteps, Milliseconds(due), Milliseconds(now), codec.Encode(run, outcome), attempt.Nonce]));
    }

    public async Task<ParkAnswer> SuspendAsync(AttemptKey attempt)
    {
        var keys = Keys(attempt.Run);
        return Park(await EvaluateSafelyAsync(Script.Suspend, [keys.Run, keys.Pending, keys.Due, keys.History], () =>
            [attempt.Run.ToString(), attempt.Number, attempt.Owner, Milliseconds(time.GetUtcNow()), attempt.Nonce]));
    }

    public async Task<ParkAnswer> FailAsync(AttemptKey attempt, int? expectedFailures, DateTimeOffset nextAttempt, AttemptNote note, DateTimeOffset? unreachableSince)
    {
        var keys = Keys(attempt.Run);
        return Park(await EvaluateSafelyAsync(Script.Fail, [keys.Run, keys.Due, keys.History], () =>
            [attempt.Run.ToString(), attempt.Number, attempt.Owner, expectedFailures ?? -1, Milliseconds(nextAttempt), Milliseconds(time.GetUtcNow()), Text(note), Stuck,
                attempt.Nonce, Since(unreachableSince)]));
    }

    public async Task<ParkAnswer> EndAsync(
        AttemptKey attempt, RunState state, StoredResponse result, RunPolicy policy, int? expectedFailures, AttemptNote note, bool releaseKey)
    {
        // A run that has failed for good must be able to say so, whatever room there is: else it would be tried again and again.
        if (result.Body.Length > SmallResult) connection.Admit(StoreDemand.RunUnderWay);
        var keys = Keys(attempt.Run);
        return Park((RedisValue[])(await connection.WriteAsync(Script.End, [keys.Run, keys.Request, keys.Steps, keys.Pending, keys.Result, keys.Due, keys.History],
            result.Body.Length, () => codec.Encode(attempt.Run, result), record =>
            [attempt.Run.ToString(), attempt.Number, attempt.Owner, state.Name(), record,
                (long)policy.Retention.TotalMilliseconds, Milliseconds(time.GetUtcNow()), expectedFailures ?? -1, (note with { Status = result.Status }).Format(),
                Flag(wishes.Notices.Failed && state == RunState.Failed), Flag(releaseKey), attempt.Nonce]))!);
    }

    public async Task<bool?> CancelAsync(RunId run, TimeSpan retention, string who)
    {
        var keys = Keys(run);
        var answer = await connection.ExecuteSafelyAsync(keys.Run, db => db.ScriptEvaluateAsync(Script.Cancel,
            [keys.Run, keys.Request, keys.Steps, keys.Pending, keys.Due, keys.History],
            [run.ToString(), (long)retention.TotalMilliseconds, Milliseconds(time.GetUtcNow()), who]));
        return (int)answer switch { 1 => true, 0 => false, _ => null };
    }

    public async Task<bool> StopInliningAsync(AttemptKey attempt) =>
        (int)await connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.StopInlining, [Keys(attempt.Run).Run], [attempt.Number, attempt.Owner, attempt.Nonce])) == 1;

    public Task SetBuildAsync(RunId run, string build) =>
        connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.Build, [Keys(run).Run], [build]));

    public Task NoteMismatchAsync(RunId run, int attempt, int count, string what)
    {
        var keys = Keys(run);
        return connection.ExecuteAsync(db => db.ScriptEvaluateAsync(Script.Mismatch, [keys.Run, keys.History, keys.Due],
            [attempt, Milliseconds(time.GetUtcNow()), count, what, run.ToString(), Flag(wishes.Notices.Mismatch)]));
    }

    public async Task<RunSnapshot?> GetSnapshotAsync(RunId run, bool countSteps)
    {
        var keys = Keys(run);
        var fields = await connection.ExecuteAsync(db => db.HashGetAsync(keys.Run, SnapshotFields));
        if (fields[0].IsNull) return null;
        if (!RunStates.TryParse(fields[0], out var state)) throw new UnreadableRecordException($"Run {run} has the unknown state '{fields[0]}'.");
        if (!fields[1].TryParse(out int attempt) || !fields[2].TryParse(out long started) || !fields[3].TryParse(out long next))
            throw new UnreadableRecordException($"Run {run} has fields that are not numbers.");
        var snapshot = new RunSnapshot
        {
            Id = run,
            State = state,
            Attempt = attempt,
            StartedAt = FromMilliseconds(started),
            NextAttemptAt = state == RunState.Waiting ? FromMilliseconds(next) : null,
            Binding = fields[6].ToString(),
        };
        if (!countSteps || !fields[4].TryParse(out int completed) || !fields[5].TryParse(out int failed)) return snapshot;
        var steps = (int)await connection.ExecuteAsync(db => db.HashLengthAsync(keys.Steps));
        return snapshot with { CompletedSteps = completed, FailedSteps = failed, PendingSteps = Math.Max(0, steps - completed - failed) };
    }

    public async Task<IReadOnlyList<StepOutcome>?> GetStepsAsync(RunId run)
    {
        var keys = Keys(run);
        var steps = await connection.ReadLargeAsync(async db => (long)await db.HashGetAsync(keys.Run, "bytes"), db => db.HashGetAllAsync(keys.Steps));
        if (steps.Length == 0 && !await connection.ExecuteAsync(db => db.KeyExistsAsync(keys.Run))) return null;
        return values.Outcomes(run, steps.SelectMany(step => new[] { step.Name, step.Value }).ToArray());
    }

    public async Task<RunPolicy?> GetPolicyAsync(RunId run)
    {
        var record = await connection.ExecuteAsync(db => db.HashGetAsync(Keys(run).Run, "policy"));
        return record.IsNull ? null : RecordCodec.DecodePolicy(record);
    }

    public async Task<RunOrigin?> GetOriginAsync(RunId run)
    {
        var fields = await connection.ExecuteAsync(db => db.HashGetAsync(Keys(run).Run, OriginFields));
        return fields[0].IsNull || !fields[2].TryParse(out int attempt) || !fields[3].TryParse(out long started)
            ? null
            : new RunOrigin(fields[0].ToString(), RecordCodec.DecodePolicy(fields[1]).Name, attempt, FromMilliseconds(started), fields[4].ToString());
    }

    public async Task<QueueFigures> GetQueueFiguresAsync(DateTimeOffset now)
    {
        var shards = await connection.ExecuteAsync(db => Task.WhenAll(Enumerable.Range(0, connection.Shards).Select(async shard =>
        {
            var queue = StoreKeys.DueOf(shard);
            var open = db.SortedSetLengthAsync(queue);
            var overdue = db.SortedSetLengthAsync(queue, max: Milliseconds(now));
            var head = db.SortedSetRangeByRankWithScoresAsync(queue, 0, 0);
            var waiting = db.SortedSetRangeByRankWithScoresAsync(StoreKeys.WaitingIn(shard));
            return (Open: await open, Overdue: await overdue, Head: await head, Queued: (await waiting).Sum(gate => (long)gate.Score));
        })));
        var heads = shards.SelectMany(shard => shard.Head).Select(entry => (long)entry.Score).ToList();
        return new QueueFigures(shards.Sum(shard => shard.Open), shards.Sum(shard => shard.Overdue), heads.Count == 0 ? null : FromMilliseconds(heads.Min()),
            shards.Sum(shard => shard.Queued));
    }

    public async Task<StoredResponse?> GetResultAsync(RunId run)
    {
        // Nobody is told a result that a failover could still take back.
        var record = await connection.ReadStringAsync(Keys(run).Result);
        return record.IsNull ? null : codec.DecodeResponse(run, record);
    }

    public async Task<string?> GetTargetAsync(RunId run)
    {
        var record = await connection.ExecuteAsync(db => db.HashGetAsync(Keys(run).Run, "label"));
        return record.IsNull ? null : codec.DecodeTarget(run, record!);
    }

    /// <exception cref="IdempotencyKeyTakenException">The request's key stands for another run.</exception>
    private async Task<bool> CreateAsync(NewRun run, RunState state, string owner, DateTimeOffset due, int attempt, int failures, AttemptNote note,
        DateTimeOffset? unreachableSince = null)
    {
        // A run that a step of another invokes belongs to one that is under way.
        connection.Admit(run.Invoker is null ? StoreDemand.NewRun : StoreDemand.RunUnderWay);
        var keys = Keys(run.Id);
        var key = run.Idempotency is { } mark ? keys.Idempotency(mark.KeyHash) : keys.Run;
        var began = time.GetTimestamp();
        var bytes = run.Request.Body.Length;
        var answer = (RedisValue)await connection.WriteAsync(Script.Create, [keys.Run, keys.Request, keys.Due, key, keys.History],
            bytes, () => codec.Encode(run.Id, run.Request), record =>
        [
            run.Id.ToString(), state.Name(), owner, Milliseconds(state == RunState.Running ? due + Underway() : due), Milliseconds(run.StartedAt), Milliseconds(run.Deadline),
            RecordCodec.Encode(run.Policy), run.Route, record, failures,
            (long)run.Policy.Lifetime.TotalMilliseconds, StoreKeys.Format, attempt, run.Idempotency?.Format(run) ?? "",
            run.Invoker?.Format() ?? "", Milliseconds(time.GetUtcNow()), Text(note), run.Gate?.Format() ?? "", run.Request.TraceParent, codec.Binding(run), run.Nonce,
            Since(unreachableSince),
            RunIndex.SearchHashes(run.Request, wishes.SearchHeaders), codec.EncodeLabel(run.Id, run.Request),
        ]);
        return answer.TryParse(out int written) ? written == 1 : throw new IdempotencyKeyTakenException(TakenKey.Parse(answer.ToString()));

        // A lease that ended while the request was on its way would hand the run to another node at once.
        TimeSpan Underway() => connection.IsLarge(bytes) ? time.GetElapsedTime(began) + BulkLanes.TimeFor(bytes) : default;
    }

    private async Task<StepAnswer> StepAsync(
        RunId run, Fence attempt, string step, int maxSteps, string kind, Func<RedisValue> value, int expectedTries, string execution = "", string why = "", long bytes = 0)
    {
        connection.Admit(StoreDemand.RunUnderWay);
        var keys = Keys(run);
        var answer = (RedisValue[])(await connection.WriteAsync(Script.Step, [keys.Run, keys.Steps, keys.Pending, keys.History, keys.Due], bytes, value, record =>
            [attempt.Attempt, step, maxSteps, kind, record, expectedTries, Milliseconds(time.GetUtcNow()), run.ToString(), Stuck, attempt.Nonce, execution,
                why.Length > 0 ? codec.EncodeReason(run, step, why) : ""]))!;

        // Who only asked is not told the outcome that was first: that may be large as well.
        if (answer is [var verdict] && verdict == "stored")
        {
            var first = await connection.ReadLargeAsync(
                db => db.HashStringLengthAsync(keys.Steps, step), db => db.HashGetAsync(keys.Steps, step), keys.Steps);
            answer = first.IsNull ? ["unknown"] : [verdict, first];
        }

        return values.Answer(run, step, answer);
    }

    private static ParkAnswer Park(RedisValue[] answer) => (string)answer[0]! switch
    {
        "parked" => new(ParkVerdict.Done, FromMilliseconds((long)(double)answer[1])),
        "ended" => new(ParkVerdict.Done, answer.Length > 1 ? FromMilliseconds((long)answer[1]) : default),
        "nothing" => new(ParkVerdict.Nothing),
        "failures" => new(ParkVerdict.Recount, Failures: (int)answer[1]),
        _ => new(ParkVerdict.Lost),
    };

    private async Task<RedisValue[]> EvaluateAsync(string script, RedisKey[] keys, RedisValue[] values, [CallerMemberName] string caller = "") =>
        (RedisValue[])(await connection.ExecuteAsync(db => db.ScriptEvaluateAsync(script, keys, values), caller))!;

    /// <summary>For what is answered to others as done.</summary>
    private async Task<RedisValue[]> EvaluateSafelyAsync(string script, RedisKey[] keys, Func<RedisValue[]> values, [CallerMemberName] string caller = "") =>
        (RedisValue[])(await connection.ExecuteSafelyAsync(keys[0], db => db.ScriptEvaluateAsync(script, keys, values()), caller))!;

    /// <summary>Takes a run out of its queue whose keys are not what the scripts can work on.</summary>
    public Task SetAsideAsync(RunId run) => connection.ExecuteAsync(db => db.SortedSetRemoveAsync(Keys(run).Due, run.ToString()));

    private RedisValue Stuck => wishes.Notices.StuckAfter is { } after ? (long)after.TotalMilliseconds : RedisValue.EmptyString;

    private static string Text(AttemptNote note) => note == default ? "" : note.Format();

    private static RedisValue Flag(bool set) => set ? "1" : "";

    private static RedisValue Since(DateTimeOffset? time) => time is { } known ? Milliseconds(known) : RedisValue.EmptyString;

    private StoreKeys Keys(RunId run) => new(run, connection.Shards);

    private static long Milliseconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds();

    private static DateTimeOffset FromMilliseconds(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
