using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>The run store, over the Redis protocol. The Lua scripts make the transitions.</summary>
internal sealed class RedisRunStore(
    StoreConnection connection, RecordCodec codec, StepValueReader values, RecordingOptions recording, UnlistedRuns unlisted,
    TimeProvider time)
    : IRunStore
{
    /// <summary>The maximum number of entries to read when looking for runs with room. Each costs the store about 1 µs.</summary>
    private const int MaxEntries = 1000;

    /// <summary>
    /// The maximum number of bytes of steps that a claim returns. The service reads the others itself, so that one call can claim a run
    /// with gigabytes of outcomes.
    /// </summary>
    private const int MaxClaimedStepBytes = 64 * 1024;

    /// <summary>The maximum size of a result that a full store still accepts. The gateway's own problem documents are smaller.</summary>
    private const int SmallResult = 4096;

    private static readonly string Running = RunState.Running.Name();
    /// <summary>About how many bytes of outcomes are read at once, and the most outcomes.</summary>
    private const long StepPageBytes = 256 * 1024;
    private const int MaxStepPage = 1000;

    private static readonly RedisValue[] SizeFields = ["state", "bytes"];
    private static readonly RedisValue[] OriginFields = ["route", "attempt", "started"];
    private static readonly RedisValue[] SnapshotFields = ["state", "attempt", "started", "next", "completed", "failed", "bound", "paused"];

    public Task<bool> CreateRunningAsync(NewRun run, string owner, DateTimeOffset leaseEnd) =>
        CreateAsync(run, new FirstAttempt(RunState.Running, owner, leaseEnd));

    public async Task<(bool IsOwn, StepAnswer? Step)> CreateRunningAsync(
        NewRun run, string owner, DateTimeOffset leaseEnd, StepReport report)
    {
        var (step, outcome) = OutcomeOf(report);
        if (connection.IsLarge(run.Request.Body.Length) || connection.IsLarge(outcome?.Body.Length ?? 0))
            return (await CreateRunningAsync(run, owner, leaseEnd), null);
        connection.Admit(run.Invoker is null ? StoreWriteKind.NewRun : StoreWriteKind.RunUnderWay);
        var keys = KeysToChange(run.Id);
        var answer = (RedisValue[])(await connection.EvaluateSafelyAsync(keys.Run, () =>
        {
            var call = NewCreateCall(Scripts.CreateWithStep, keys, run, new FirstAttempt(RunState.Running, owner, leaseEnd));
            call["request"] = RequestRecord.Encode(codec, run);
            if (outcome is not null) call["record"] = codec.Encode(run.Id, outcome);
            SetReport(call, run.Id, report);
            return call;
        }))!;
        return answer.Length == 1
            ? throw new IdempotencyKeyTakenException(TakenKey.Parse(answer[0].ToString()))
            : ((int)answer[0] == 1, values.Answer(run.Id, step, answer[1..]));
    }

    public Task<bool> CreateWaitingAsync(
        NewRun run, string owner, DateTimeOffset nextAttempt, AttemptNote note, bool counts, DateTimeOffset? unreachableSince) =>
        CreateAsync(run, new FirstAttempt(RunState.Waiting, owner, nextAttempt < run.Deadline ? nextAttempt : run.Deadline)
        {
            Failures = counts ? 1 : 0,
            Note = note,
            UnreachableSince = unreachableSince,
        });

    public Task<bool> CreateDueAsync(NewRun run, string owner, DateTimeOffset due) =>
        CreateAsync(run, new FirstAttempt(RunState.Waiting, owner, due < run.Deadline ? due : run.Deadline) { Number = 0 });

    public async Task<DateTimeOffset?> GetNextDueAsync(int shard)
    {
        var head = await connection.ExecuteAsync(db => db.SortedSetRangeByRankWithScoresAsync(StoreKeys.DueOf(shard), 0, 0));
        return head is [var first] ? FromMilliseconds((long)first.Score) : null;
    }

    public async Task<DueRuns> GetDueAsync(
        int shard, DateTimeOffset now, int limit, IReadOnlyCollection<string> fullRoutes, QueuePlace from, int perRoute)
    {
        var answer = (RedisValue[])(await connection.EvaluateAsync(new ScriptCall(Scripts.ListDue)
        {
            [ScriptKey.Due] = StoreKeys.DueOf(shard),
            ["now"] = Milliseconds(now),
            ["max_runs"] = limit,
            ["max_entries"] = MaxEntries,
            ["run_prefix"] = StoreKeys.RunPrefix(shard),
            ["from_score"] = from.Score == 0 ? RedisValue.Null : from.Score,
            ["skip"] = from.Skip,
            ["max_per_route"] = perRoute,
            Rest = fullRoutes.Select(route => (RedisValue)route),
        }))!;
        var held = (int)answer[3];
        var runs = new List<DueRun>();
        var outbox = new List<OutboxEntry>();
        for (var i = 4 + held; i + 3 < answer.Length; i += 4)
        {
            var entry = answer[i];
            if (RunId.TryParse(entry, out var id))
                runs.Add(new DueRun(id, answer[i + 1].ToString(), answer[i + 2].ToString(), answer[i + 3] == Running));
            else if (OutboxEntry.Is(entry.ToString())) outbox.Add(new OutboxEntry(shard, entry.ToString()));

            // Any other entry can never be claimed, and would stay at the head permanently.
            else await connection.ExecuteAsync(db => db.SortedSetRemoveAsync(StoreKeys.DueOf(shard), entry));
        }

        return new DueRuns(
            runs, answer[0].IsNullOrEmpty ? null : FromMilliseconds((long)(double)answer[0]),
            answer[1].IsNullOrEmpty ? null : new QueuePlace((long)(double)answer[1], (int)answer[2]),
            [.. answer.Skip(4).Take(held).Select(route => route.ToString())], outbox);
    }

    public async Task<ClaimedRun?> ClaimAsync(RunId run, string owner, DateTimeOffset now, DateTimeOffset leaseEnd, uint nonce)
    {
        var keys = KeysToChange(run);
        // A service is told the number: no other attempt is given it again where a replica takes over.
        var answer = (RedisValue[])(await connection.EvaluateSafelyAsync(keys.Run, () => new ScriptCall(Scripts.Claim, keys)
        {
            ["run_id"] = run.ToString(),
            ["now"] = Milliseconds(now),
            ["lease_end"] = Milliseconds(leaseEnd),
            ["owner"] = owner,
            ["nonce"] = nonce,
            ["max_step_bytes"] = MaxClaimedStepBytes,
            ["max_request_bytes"] = connection.MaxOrdinaryBytes,
        }))!;
        if ((int)answer[0] == 0) return null;
        var attempt = (int)answer[1];
        RequestRecord? record = null;
        try
        {
            if ((int)answer[2] != StoreKeys.Format)
                throw new UnreadableRecordException($"Run {run} was written in format {answer[2]}; this gateway reads {StoreKeys.Format}.");
            record = RequestRecord.Decode(run, (byte[]?)answer[6]);
            return new ClaimedRun
            {
                Id = run,
                Attempt = attempt,
                Failures = (int)answer[3],
                StartedAt = FromMilliseconds((long)answer[4]),
                Policy = PolicyRecord.Decode(record.Policy),
                Route = (string)answer[5]!,
                Request = record.Request.IsEmpty ? null : codec.DecodeRequest(run, record.Request),
                StepCount = (int)answer[7],
                Build = answer[8].IsNullOrEmpty ? null : answer[8].ToString(),
                LastEventId = answer[9].IsNullOrEmpty ? null : answer[9].ToString(),
                DueAt = FromMilliseconds((long)(double)answer[10]),
                UnreachableSince = answer[11].IsNullOrEmpty ? null : FromMilliseconds((long)answer[11]),
                InlinesSteps = answer[12].IsNullOrEmpty,
                SleepsOver = (int)answer[13],
                Steps = values.Outcomes(run, answer.AsSpan(14)),
            };
        }
        catch (UnreadableRecordException e)
        {
            if (!e.KeyIsMissing) throw new UnreadableRecordException(e.Message, e) { Attempt = attempt };
            var policy = PolicyRecord.Decode(record!.Policy);
            throw new UnreadableRecordException(e.Message, e)
            {
                Attempt = attempt,
                KeyIsMissing = true,
                Policy = policy,
                Deadline = FromMilliseconds((long)answer[4]) + policy.RunTimeout,
            };
        }
        catch (Exception e) when (e is InvalidCastException or FormatException or ArgumentException or OverflowException)
        {
            throw new UnreadableRecordException($"Run {run} has fields that cannot be read: {e.Message}", e) { Attempt = attempt };
        }
    }

    public async Task<bool> RenewAsync(AttemptKey attempt, DateTimeOffset leaseEnd)
    {
        var call = NewCall(Scripts.Renew, attempt);
        call["run_id"] = attempt.Run.ToString();
        call["lease_end"] = Milliseconds(leaseEnd);
        return (int)await connection.EvaluateAsync(call) == 1;
    }

    public Task<StepAnswer> StoreOutcomeAsync(
        RunId run, Fence attempt, StepOutcome outcome, int maxSteps, int? expectedTries, FailureText why) =>
        ReportAsync(run, attempt, new StepReport.Ended(outcome, maxSteps, expectedTries, why));

    public Task<StepAnswer> ScheduleStepAsync(
        RunId run, Fence attempt, string step, int maxSteps, int expectedTries, DateTimeOffset nextTry, FailureText why) =>
        ReportAsync(run, attempt, new StepReport.TryFailed(step, maxSteps, expectedTries, nextTry, why));

    public Task<StepAnswer> StartStepAsync(RunId run, Fence attempt, int maxSteps, StepOutcome interrupted, string execution) =>
        ReportAsync(run, attempt, new StepReport.Begun(interrupted, maxSteps, execution));

    public async Task<StepAnswer> WaitAsync(
        RunId run, Fence attempt, StepOutcome outcome, int maxSteps, DateTimeOffset due, DateTimeOffset now)
    {
        connection.Admit(StoreWriteKind.RunUnderWay);
        var keys = KeysToChange(run);
        var answer = await connection.EvaluateSafelyAsync(keys.Run, () => new ScriptCall(Scripts.Sleep, keys)
        {
            ["attempt"] = attempt.Attempt,
            ["nonce"] = attempt.Nonce,
            ["step"] = outcome.Id,
            ["max_steps"] = maxSteps,
            ["due"] = Milliseconds(due),
            ["now"] = Milliseconds(now),
            ["record"] = codec.Encode(run, outcome),
        });
        return values.Answer(run, outcome.Id, (RedisValue[])answer!);
    }

    public async Task<ParkAnswer> SuspendAsync(AttemptKey attempt, AttemptNote note) =>
        Park(await connection.EvaluateSafelyAsync(KeysToChange(attempt.Run).Run, () =>
        {
            var call = NewEndingCall(Scripts.Suspend, attempt);
            call["note"] = Text(note);
            return call;
        }));

    public async Task<ParkAnswer> FailAsync(
        AttemptKey attempt, int? expectedFailures, DateTimeOffset nextAttempt, AttemptNote note, DateTimeOffset? unreachableSince)
    {
        return Park(await connection.EvaluateSafelyAsync(KeysToChange(attempt.Run).Run, () =>
        {
            var call = NewEndingCall(Scripts.Fail, attempt);
            call["expected_failures"] = expectedFailures;
            call["next_attempt"] = Milliseconds(nextAttempt);
            call["note"] = Text(note);
            call["why"] = Reason(attempt.Run, "", note.Failure);
            call["stuck_after"] = StuckAfter;
            call["unreachable_since"] = Milliseconds(unreachableSince);
            return call;
        }));
    }

    public async Task<ParkAnswer> EndAsync(
        AttemptKey attempt, RunState state, StoredResponse result, RunPolicy policy, int? expectedFailures, AttemptNote note,
        bool releaseKey)
    {
        // A full store accepts small results, so that a run can fail permanently instead of being tried again and again.
        if (result.Body.Length > SmallResult) connection.Admit(StoreWriteKind.RunUnderWay);
        var key = KeysToChange(attempt.Run).Run;
        return Park(await connection.WriteAsync(key, result.Body.Length, () => codec.Encode(attempt.Run, result), () =>
        {
            var call = NewEndingCall(Scripts.End, attempt);
            call["state"] = state.Name();
            call["retention"] = (long)policy.Retention.TotalMilliseconds;
            call["expected_failures"] = expectedFailures;
            call["note"] = (note with { Status = result.Status }).Format();
            call["why"] = Reason(attempt.Run, "", note.Failure);
            call["tell_operators"] = Flag(recording.Notices.Failed && state == RunState.Failed);
            call["release_key"] = Flag(releaseKey);
            return call;
        }));
    }

    public async Task<bool?> CancelAsync(RunId run, TimeSpan retention, string who)
    {
        var keys = KeysToChange(run);
        var answer = await connection.EvaluateSafelyAsync(keys.Run, () => new ScriptCall(Scripts.Cancel, keys)
        {
            ["run_id"] = run.ToString(),
            ["retention"] = (long)retention.TotalMilliseconds,
            ["now"] = Milliseconds(time.GetUtcNow()),
            ["who"] = who,
        });
        return (int)answer switch { 1 => true, 0 => false, _ => null };
    }

    public async Task<bool> StopInliningAsync(AttemptKey attempt) =>
        (int)await connection.EvaluateAsync(NewCall(Scripts.StopInlining, attempt)) == 1;

    public Task SetBuildAsync(RunId run, string build) =>
        connection.EvaluateAsync(new ScriptCall(Scripts.SetBuild, Keys(run)) { ["build"] = build });

    public Task NoteMismatchAsync(RunId run, int attempt, int count, string what, CallDrift? drift) =>
        connection.EvaluateAsync(new ScriptCall(Scripts.RecordMismatch, Keys(run))
        {
            ["run_id"] = run.ToString(),
            ["attempt"] = attempt,
            ["now"] = Milliseconds(time.GetUtcNow()),
            ["count"] = count,
            ["what"] = what,
            ["why"] = drift is null ? RedisValue.Null : codec.EncodeReason(run, "", drift.ToText()),
            ["tell_operators"] = Flag(recording.Notices.Mismatch),
        });

    public async Task<RunSnapshot?> GetSnapshotAsync(RunId run, bool countSteps)
    {
        var keys = Keys(run);
        var fields = await connection.ExecuteAsync(db => db.HashGetAsync(keys.Run, SnapshotFields));
        if (fields[0].IsNull) return null;
        if (!RunStates.TryParse(fields[0], out var state))
            throw new UnreadableRecordException($"Run {run} has the unknown state '{fields[0]}'.");
        if (!fields[1].TryParse(out int attempt) || !fields[2].TryParse(out long started) || !fields[3].TryParse(out long next))
            throw new UnreadableRecordException($"Run {run} has fields that are not numbers.");
        var snapshot = new RunSnapshot
        {
            Id = run,
            State = state,
            Attempt = attempt,
            StartedAt = FromMilliseconds(started),
            NextAttemptAt = state == RunState.Waiting && fields[7].IsNull ? FromMilliseconds(next) : null,
            Binding = fields[6].ToString(),
        };
        if (!countSteps) return snapshot;
        int completed = (int)fields[4], failed = (int)fields[5];
        var steps = (int)await connection.ExecuteAsync(db => db.HashLengthAsync(keys.Steps));
        return snapshot with { CompletedSteps = completed, FailedSteps = failed, PendingSteps = Math.Max(0, steps - completed - failed) };
    }

    public async Task<IReadOnlyList<StepOutcome>?> GetStepsAsync(RunId run)
    {
        var keys = Keys(run);
        var steps = await connection.ReadLargeAsync(
            async db => (long)await db.HashGetAsync(keys.Run, "bytes"), db => db.HashGetAllAsync(keys.Steps));
        if (steps.Length == 0 && !await connection.ExecuteAsync(db => db.KeyExistsAsync(keys.Run))) return null;
        return values.Outcomes(run, steps.SelectMany(step => new[] { step.Name, step.Value }).ToArray());
    }

    public async Task<IAsyncEnumerable<IReadOnlyList<StepOutcome>>?> ReadStepsAsync(RunId run)
    {
        var keys = Keys(run);
        var asked = connection.ExecuteAsync(db => db.HashGetAsync(keys.Run, SizeFields));
        var ids = await connection.ExecuteAsync(db => db.HashKeysAsync(keys.Steps));
        var fields = await asked;
        return fields[0].IsNull ? null : ReadPagesAsync(run, ids, (long)fields[1]);
    }

    private async IAsyncEnumerable<IReadOnlyList<StepOutcome>> ReadPagesAsync(RunId run, RedisValue[] ids, long bytes)
    {
        var steps = Keys(run).Steps;
        var size = (int)Math.Clamp(StepPageBytes * ids.Length / Math.Max(bytes, 1), 1, MaxStepPage);
        foreach (var page in ids.Chunk(size))
        {
            // The size of the whole decides on the connection: one page may hold most of it.
            var found = await connection.ReadLargeAsync(_ => Task.FromResult(bytes), db => db.HashGetAsync(steps, page));
            yield return values.Outcomes(run, page.Zip(found).Where(step => !step.Second.IsNull)
                .SelectMany(step => new[] { step.First, step.Second }).ToArray());
        }
    }

    public async Task<RunPolicy?> GetPolicyAsync(RunId run)
    {
        var head = await RequestRecord.ReadHeadAsync(connection, run);
        return head is null ? null : PolicyRecord.Decode(head.Policy);
    }

    public async Task<RunOrigin?> GetOriginAsync(RunId run)
    {
        var asked = connection.ExecuteAsync(db => db.HashGetAsync(Keys(run).Run, OriginFields));
        var head = await RequestRecord.ReadHeadAsync(connection, run);
        var fields = await asked;
        return head is null || fields[0].IsNull || !fields[1].TryParse(out int attempt) || !fields[2].TryParse(out long started)
            ? null
            : new RunOrigin(
                fields[0].ToString(), PolicyRecord.Decode(head.Policy).Name, attempt, FromMilliseconds(started), head.TraceParent);
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
            return (Open: await open, Overdue: await overdue, Head: await head, Queued: (await waiting).Sum(limit => (long)limit.Score));
        })));
        var heads = shards.SelectMany(shard => shard.Head).Select(entry => (long)entry.Score).ToList();
        DateTimeOffset? first = heads.Count == 0 ? null : FromMilliseconds(heads.Min());
        return new QueueFigures(
            shards.Sum(shard => shard.Open), shards.Sum(shard => shard.Overdue), first, shards.Sum(shard => shard.Queued));
    }

    public async Task<StoredResponse?> GetResultAsync(RunId run)
    {
        // Waits for the replicas, so that a failover cannot revoke a result that was returned.
        var record = await connection.ReadStringAsync(Keys(run).Result);
        return record.IsNull ? null : codec.DecodeResponse(run, record);
    }

    public async Task<string?> GetTargetAsync(RunId run)
    {
        var head = await RequestRecord.ReadHeadAsync(connection, run);
        return head is null ? null : codec.DecodeTarget(run, head.Label);
    }

    /// <exception cref="IdempotencyKeyTakenException">The request's key belongs to another run.</exception>
    private async Task<bool> CreateAsync(NewRun run, FirstAttempt first)
    {
        // A run that a step invokes belongs to a run that has already begun.
        connection.Admit(run.Invoker is null ? StoreWriteKind.NewRun : StoreWriteKind.RunUnderWay);
        var keys = KeysToChange(run.Id);
        var began = time.GetTimestamp();
        var bytes = run.Request.Body.Length;
        var answer = (RedisValue)await connection.WriteAsync(keys.Run, bytes, () => RequestRecord.Encode(codec, run), () =>
        {
            // A lease that ended during the transfer of the request would give the run to another node immediately.
            var underway = connection.IsLarge(bytes) && first.State == RunState.Running
                ? time.GetElapsedTime(began) + BulkConnections.TimeFor(bytes)
                : default;
            return NewCreateCall(Scripts.Create, keys, run, first with { Due = first.Due + underway });
        });
        return answer.TryParse(out int written) ? written == 1 : throw new IdempotencyKeyTakenException(TakenKey.Parse(answer.ToString()));
    }

    /// <summary>A call that creates a run, without the record of the request.</summary>
    private ScriptCall NewCreateCall(Script script, StoreKeys keys, NewRun run, FirstAttempt first) => new(script, keys)
    {
        [ScriptKey.Idempotency] = run.Idempotency is { } mark ? keys.Idempotency(mark.KeyHash) : keys.Run,
        ["run_id"] = run.Id.ToString(),
        ["state"] = first.State.Name(),
        ["owner"] = first.Owner,
        ["nonce"] = run.Nonce,
        ["attempt"] = first.Number,
        ["due"] = Milliseconds(first.Due),
        ["started"] = Milliseconds(run.StartedAt),
        ["deadline"] = Milliseconds(run.Deadline),
        ["route"] = run.Route,
        ["failures"] = first.Failures,
        ["lifetime"] = (long)run.Policy.Lifetime.TotalMilliseconds,
        ["version"] = StoreKeys.Format,
        ["now"] = Milliseconds(time.GetUtcNow()),
        ["note"] = Text(first.Note),
        ["why"] = Reason(run.Id, "", first.Note.Failure),
        ["idempotency_value"] = run.Idempotency?.Format(run),
        ["invoker"] = run.Invoker?.Format(),
        ["concurrency"] = run.ConcurrencyLimit?.Format(),
        ["binding"] = codec.Binding(run),
        ["unreachable_since"] = Milliseconds(first.UnreachableSince),
        ["search"] = RunIndex.SearchHashes(run.Request, recording.SearchHeaders),
    };

    /// <summary>Reports on a step, and stores the outcome if there is one.</summary>
    private async Task<StepAnswer> ReportAsync(RunId run, Fence attempt, StepReport report)
    {
        connection.Admit(StoreWriteKind.RunUnderWay);
        var keys = KeysToChange(run);
        var (step, outcome) = OutcomeOf(report);
        var answer = (RedisValue[])(outcome is null
            ? await connection.EvaluateSafelyAsync(keys.Run, NewReportCall)
            : await connection.WriteAsync(keys.Run, outcome.Body.Length, () => codec.Encode(run, outcome), NewReportCall))!;

        // The answer to a call without a record has no outcome, because outcomes can be large.
        if (answer is [var verdict] && verdict == "stored")
        {
            var first = await connection.ReadLargeAsync(
                db => db.HashStringLengthAsync(keys.Steps, step), db => db.HashGetAsync(keys.Steps, step), keys.Steps);
            answer = first.IsNull ? ["unknown"] : [verdict, first];
        }

        return values.Answer(run, step, answer);

        ScriptCall NewReportCall()
        {
            var call = new ScriptCall(Scripts.Step, keys)
            {
                ["run_id"] = run.ToString(),
                ["attempt"] = attempt.Attempt,
                ["nonce"] = attempt.Nonce,
                ["now"] = Milliseconds(time.GetUtcNow()),
            };
            SetReport(call, run, report);
            return call;
        }
    }

    /// <summary>The step of a report, and the outcome to store, if any.</summary>
    private static (string Step, StepOutcome? Outcome) OutcomeOf(StepReport report) => report switch
    {
        StepReport.Ended ended => (ended.Outcome.Id, ended.Outcome),
        StepReport.Begun begun => (begun.Interrupted.Id, begun.Interrupted),
        StepReport.TryFailed failed => (failed.Step, null),
        _ => throw new NotSupportedException(report.GetType().Name),
    };

    /// <summary>Sets the arguments of a report, but for the record (<c>step.lua</c>).</summary>
    private void SetReport(ScriptCall call, RunId run, StepReport report)
    {
        var (step, outcome) = OutcomeOf(report);
        call["step"] = step;
        call["max_steps"] = report.MaxSteps;
        call["stuck_after"] = StuckAfter;
        switch (report)
        {
            case StepReport.Ended ended:
                call["report"] = StepValueReader.Letter(outcome!);
                call["expected_tries"] = ended.ExpectedTries;
                call["why"] = Reason(run, step, ended.Why);
                break;
            case StepReport.TryFailed failed:
                call["report"] = "P";
                call["next_try"] = Milliseconds(failed.NextTry);
                call["expected_tries"] = failed.ExpectedTries;
                call["why"] = Reason(run, step, failed.Why);
                break;
            case StepReport.Begun begun:
                call["report"] = "S";
                call["execution"] = begun.Execution;
                break;
        }
    }

    /// <summary>A call that requires that the attempt owns its run.</summary>
    private ScriptCall NewCall(Script script, AttemptKey attempt) => new(script, Keys(attempt.Run))
    {
        ["attempt"] = attempt.Number,
        ["owner"] = attempt.Owner,
        ["nonce"] = attempt.Nonce,
    };

    /// <summary>A call that ends the attempt.</summary>
    private ScriptCall NewEndingCall(Script script, AttemptKey attempt)
    {
        var call = NewCall(script, attempt);
        call["run_id"] = attempt.Run.ToString();
        call["now"] = Milliseconds(time.GetUtcNow());
        return call;
    }

    private RedisValue Reason(RunId run, string step, FailureText why) =>
        why.IsEmpty ? RedisValue.Null : codec.EncodeReason(run, step, why);

    private static ParkAnswer Park(RedisResult result) => Park((RedisValue[])result!);

    private static ParkAnswer Park(RedisValue[] answer) => (string)answer[0]! switch
    {
        "parked" => new(ParkVerdict.Done, FromMilliseconds((long)(double)answer[1])),
        "ended" => new(ParkVerdict.Done, answer.Length > 1 ? FromMilliseconds((long)answer[1]) : default),
        "nothing" => new(ParkVerdict.Nothing),
        "failures" => new(ParkVerdict.Recount, Failures: (int)answer[1]),
        _ => new(ParkVerdict.Lost),
    };

    /// <summary>Removes a run from its queue if its keys have types that the scripts cannot process.</summary>
    public Task SetAsideAsync(RunId run) => connection.ExecuteAsync(db => db.SortedSetRemoveAsync(Keys(run).Due, run.ToString()));

    private RedisValue StuckAfter => recording.Notices.StuckAfter is { } after ? (long)after.TotalMilliseconds : RedisValue.Null;

    private static string Text(AttemptNote note) => note == default ? "" : note.Format();

    private static RedisValue Flag(bool set) => set ? "1" : RedisValue.Null;

    private StoreKeys Keys(RunId run) => new(run, connection.Shards);

    /// <summary>The keys of a run whose entries in the index the call makes out of date.</summary>
    private StoreKeys KeysToChange(RunId run)
    {
        unlisted.Add(run);
        return Keys(run);
    }

    private static long Milliseconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds();

    private static RedisValue Milliseconds(DateTimeOffset? time) => time is { } known ? Milliseconds(known) : RedisValue.Null;

    private static DateTimeOffset FromMilliseconds(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
