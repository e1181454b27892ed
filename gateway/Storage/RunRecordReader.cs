using System.Globalization;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>What the store has of a run beyond what a transition needs, for those who look.</summary>
internal sealed record RunRecord
{
    public required RunId Id { get; init; }
    public required string Route { get; init; }
    public required string Method { get; init; }
    public required string Path { get; init; }
    public required RunState State { get; init; }
    public required bool Paused { get; init; }
    public required int Attempt { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required DateTimeOffset? EndedAt { get; init; }
    public required DateTimeOffset? NextAttemptAt { get; init; }
    public required int CompletedSteps { get; init; }
    public required int FailedSteps { get; init; }
    public required int PendingSteps { get; init; }
    public required AttemptNote Note { get; init; }
    public required int Mismatches { get; init; }
    public required bool HasIdempotencyKey { get; init; }
}

/// <summary>A step as it stands in the store: its value's letter, what that says, and when it is due where it is pending.</summary>
internal sealed record StepRecord(string Id, char Kind, string Value, DateTimeOffset? Due, StepOutcome? Outcome);

/// <summary>Reads runs for those who look at them. Nothing here changes anything.</summary>
internal sealed class RunRecordReader(StoreConnection connection, RecordCodec codec, StepValueReader values)
{
    private static readonly RedisValue[] Fields =
        ["state", "paused", "attempt", "started", "ended", "next", "completed", "failed", "label", "why", "route", "mismatches", "idem"];

    /// <returns><see langword="null"/> where the run is gone.</returns>
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

    /// <summary>All steps of a run, whatever became of them.</summary>
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

    /// <summary>A list is not to fail for one run that this node has no key for.</summary>
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

    /// <summary>Of an attempt: as it is. Of a step: '~' and the sealed reason (see <c>step.lua</c>).</summary>
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
            return new AttemptNote("a step failed; why is sealed with a key that this node does not have");
        }
    }

    private static DateTimeOffset? Time(RedisValue milliseconds) =>
        double.TryParse(milliseconds.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)number)
            : null;
}
