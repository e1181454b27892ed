using System.Globalization;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Reads runs for the admin API and the dashboard. It changes nothing.</summary>
internal sealed class RunRecordReader(StoreConnection connection, RecordCodec codec, StepValueReader values)
{
    private static readonly RedisValue[] Fields =
        ["state", "paused", "attempt", "started", "ended", "next", "completed", "failed", "why", "route", "mismatches", "idem"];

    /// <summary>The most parts of an entry of the history.</summary>
    private const int MostParts = 5;


    /// <returns><see langword="null"/> if the run no longer exists.</returns>
    public async Task<RunRecord?> GetAsync(RunId run)
    {
        var keys = new StoreKeys(run, connection.Shards);
        var asked = connection.ExecuteAsync(db => db.HashGetAsync(keys.Run, Fields));
        var head = RequestRecord.ReadHeadAsync(connection, run);
        var steps = (int)await connection.ExecuteAsync(db => db.HashLengthAsync(keys.Steps));
        var fields = await asked;
        if (!RunStates.TryParse(fields[0], out var state)) return null;
        var (method, path) = await LabelAsync(run, head);
        int completed = (int)fields[6], failed = (int)fields[7];
        return new RunRecord
        {
            Id = run,
            Route = fields[9].ToString(),
            Method = method,
            Path = path,
            State = state,
            Paused = !fields[1].IsNull,
            Attempt = (int)fields[2],
            StartedAt = Time(fields[3]) ?? default,
            EndedAt = Time(fields[4]),
            NextAttemptAt = state == RunState.Waiting && fields[1].IsNull ? Time(fields[5]) : null,
            CompletedSteps = completed,
            FailedSteps = failed,
            PendingSteps = state.HasEnded() ? 0 : Math.Max(0, steps - completed - failed),
            Note = fields[8].TryParse(out long entry) ? await NoteAsync(run, keys, entry) : default,
            Mismatches = (int)fields[10],
            HasIdempotencyKey = !fields[11].IsNull,
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
    private async Task<(string Method, string Path)> LabelAsync(RunId run, Task<RequestRecord?> reading)
    {
        try
        {
            return await reading is { } head ? codec.DecodeLabel(run, head.Label) : ("", "");
        }
        catch (UnreadableRecordException)
        {
            return ("", "");
        }
    }

    /// <summary>Reads why the run failed last from an entry of its history: an attempt's note, or the sealed reason of a step.</summary>
    private async Task<AttemptNote> NoteAsync(RunId run, StoreKeys keys, long number)
    {
        var parts = (string[])(await connection.EvaluateAsync(
            new ScriptCall(Scripts.ReadHistory, keys) { ["after"] = number - 1, ["most"] = MostParts }))!;
        if (parts.Length == 0 || HistoryEntry.Parse(parts[0], Open) is not { } entry || entry.Number != number) return default;
        return entry.Kind switch
        {
            HistoryKind.AttemptFailed => new AttemptNote(entry.Text, entry.Status, entry.Destination) { Failure = entry.Reason },
            HistoryKind.Ended => new AttemptNote(
                entry.Text[(entry.Text.IndexOf(' ', StringComparison.Ordinal) is var end and >= 0 ? end + 1 : entry.Text.Length)..],
                entry.Status, entry.Destination)
            { Failure = entry.Reason },
            _ => new AttemptNote(entry.Reason is null
                ? "a step failed; this node does not have the key that sealed the reason"
                : $"step {entry.Text}: {entry.Reason}"),
        };

        FailureText? Open(string sealedReason)
        {
            try
            {
                return codec.DecodeReason(run, sealedReason).Failure;
            }
            catch (UnreadableRecordException)
            {
                return null;
            }
        }
    }

    private static DateTimeOffset? Time(RedisValue milliseconds) =>
        double.TryParse(milliseconds.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)number)
            : null;
}
