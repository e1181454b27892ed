using System.Globalization;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>Reads the steps in answers of scripts. <c>outcomes.lua</c> defines the format of a step's value.</summary>
internal sealed class StepValueReader(RecordCodec codec)
{
    /// <summary>The letter of an outcome's kind in scripts.</summary>
    public static string Letter(StepOutcome outcome) => outcome.Failed ? "F" : "C";

    public StepAnswer Answer(RunId run, string step, RedisValue[] answer) => (string)answer[0]! switch
    {
        "created" => new(StepVerdict.Created),
        "scheduled" => new(StepVerdict.Scheduled, Due: DateTimeOffset.FromUnixTimeMilliseconds((long)(double)answer[1])),
        "stored" => new(StepVerdict.Stored, Decode(run, step, (byte[])answer[1]!)?.Outcome),
        "tries" => new(StepVerdict.Recount, Tries: (int)answer[1]),
        "many" => new(StepVerdict.TooMany),
        "other" => new(StepVerdict.OtherKind),
        "beyond" => new(StepVerdict.BeyondDeadline),
        "ended" => new(StepVerdict.Ended),
        "superseded" => new(StepVerdict.Superseded),
        _ => new(StepVerdict.Unknown),
    };

    /// <summary>The outcomes among the given steps and values, the oldest first.</summary>
    public IReadOnlyList<StepOutcome> Outcomes(RunId run, ReadOnlySpan<RedisValue> pairs)
    {
        var steps = new List<(long Sequence, StepOutcome Outcome)>(pairs.Length / 2);
        for (var i = 0; i + 1 < pairs.Length; i += 2)
        {
            if (Decode(run, pairs[i], pairs[i + 1]) is { } step) steps.Add(step);
        }

        return [.. steps.OrderBy(step => step.Sequence).Select(step => step.Outcome)];
    }

    /// <summary>Reads <c>C&lt;seq&gt;:&lt;record&gt;</c> or <c>F…</c>. Any other step has no outcome yet.</summary>
    private (long Sequence, StepOutcome Outcome)? Decode(RunId run, RedisValue id, RedisValue value)
    {
        var bytes = (byte[])value!;
        if (bytes is [(byte)'P' or (byte)'W' or (byte)'E' or (byte)'S', ..]) return null;
        var colon = Array.IndexOf(bytes, (byte)':');
        if (colon < 2 || bytes[0] is not ((byte)'C' or (byte)'F')
            || !long.TryParse(bytes.AsSpan(1, colon - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
            throw new UnreadableRecordException($"Step '{id}' of run {run} cannot be read.");
        return (sequence, codec.DecodeStep(run, id!, bytes[0] == 'F', bytes[(colon + 1)..]));
    }
}
