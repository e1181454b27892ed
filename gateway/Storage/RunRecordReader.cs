using System.Globalization;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Reads runs for the admin API and the dashboard. It changes nothing.</summary>
internal sealed class RunRecordReader(StoreConnection connection, RecordCodec codec, StepValueReader values)
{
    private static readonly RedisValue[] Fields =
        ["state", "paused", "attempt", "started", "ended", "next", "completed", "failed", "label", "why", "route", "mismatches", "idem"];

    /// <returns><see langword="null"/> if the run no longer exists.</returns>
    public async Task<RunRecord?> GetAsync(RunId run)
    {
        var keys = new StoreKeys(run, connection.Shards);
        var asked = connection.ExecuteAsync(db => db.HashGetAsync(keys.Run, Fields));
        var steps = (int)await connection.ExecuteAsync(db => db.HashLengthAsync(keys.Steps));
        var fields = await asked;
        if (!RunStates.TryParse(fields[0], out var state)) return null;
        var (method, path) = fields[8].IsNullOrEmpty ? ("", "") : Label(run, fields[8]!);
        int completed = (int)fields[6], failed = (int)fields[7];
        return new RunRecord
        {
            Id = run,
            Route = fields[10].ToString(),
            Method = method,
            Path = path,
            State = state,
            Paused = !fields[1].IsNull,
            Attempt = (int)fields[2],
            StartedAt = Time(fields[3]) ?? default,
            EndedAt = Time(fields[4]),
            NextAttemptAt = state == RunState.Waiting ? Time(fields[5]) : null,
            CompletedSteps = completed,
            FailedSteps = failed,
            PendingSteps = state.HasEnded() ? 0 : Math.Max(0, steps - completed - failed),
            Note = Note(run, fields[9].ToString()),
            Mismatches = fields[11].IsNull ? 0 : (int)fields[11],
            HasIdempotencyKey = !fields[12].IsNull,
        };
    }

    /// <summary>All steps of a run, in any state.</summary>
    public async Task<IReadOnlyList<StepRecord>> GetStepsAsync(RunId run)
    {
        var keys = new StoreKeys(run, connection.Shards);
        var steps = await connection.ExecuteAsync(db => db.HashGetAllAsync(keys.Steps));
        var pending = (await connection.ExecuteAsync(db => db.SortedSetRangeByRankWithScoresAsync(keys.Pending)))
            .ToDictionary(entry => entry.Element.ToString(), entry => DateTimeOffset.FromUnixTimeMilliseconds((long)entry.Score));
        var outcomes = values.Outcomes(run, steps.SelectMany(step => new[] { step.Name, step.Value }).ToArray())
            .ToDictionary(outcome => outcome.Id);
        return
        [
            .. steps.Select(step =>
            {
                var id = step.Name.ToString();
                var outcome = outcomes.GetValueOrDefault(id);
                var text = outcome is null ? step.Value.ToString() : "";
                var kind = outcome is null ? text[0] : outcome.Failed ? 'F' : 'C';
                return new StepRecord(id, kind, text, pending.TryGetValue(id, out var due) ? due : null, outcome);
            }),
        ];
    }

    public async Task<bool> HasStepAsync(RunId run, string step) =>
        await connection.ExecuteAsync(db => db.HashExistsAsync(new StoreKeys(run, connection.Shards).Steps, step));

    /// <summary>A missing key affects only its run, not the whole list.</summary>
    private (string Method, string Path) Label(RunId run, byte[] record)
    {
        try
        {
            return codec.DecodeLabel(run, record);
        }
        catch (UnreadableRecordException)
        {
            return ("", "");
        }
    }

    /// <summary>Reads a note: plain text of an attempt, or '~' and the sealed reason of a step (see <c>step.lua</c>).</summary>
    private AttemptNote Note(RunId run, string why)
    {
        if (!why.StartsWith('~')) return AttemptNote.Parse(why);
        try
        {
            var (step, reason) = codec.DecodeReason(run, why[1..]);
            return new AttemptNote($"step {step}: {reason}");
        }
        catch (UnreadableRecordException)
        {
            return new AttemptNote("a step failed; this node does not have the key that sealed the reason");
        }
    }

    private static DateTimeOffset? Time(RedisValue milliseconds) =>
        double.TryParse(milliseconds.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)number)
            : null;
}
