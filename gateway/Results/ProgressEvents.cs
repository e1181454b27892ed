using System.Text.Json;
using System.Text.Json.Serialization;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>One event of a run's progress as clients see it (§5).</summary>
/// <param name="Id">For <c>Last-Event-ID</c>.</param>
/// <param name="Type"><c>attempt</c>, <c>step</c> or <c>suspended</c>.</param>
/// <param name="Data">What it says.</param>
internal sealed record ProgressEvent(long Id, string Type, ProgressData Data)
{
    /// <summary>What an entry of the run's history says to its client; <see langword="null"/> where that is nothing.</summary>
    public static ProgressEvent? From(HistoryEntry entry) => entry.Kind switch
    {
        HistoryKind.AttemptBegan => Make(entry, "attempt", new ProgressData { Attempt = entry.Attempt }),
        HistoryKind.StepCompleted => Step(entry, "completed"),
        HistoryKind.StepFailed => Step(entry, "failed"),
        HistoryKind.StepTryFailed => Step(entry, "retrying"),
        HistoryKind.StepBegan => Step(entry, "running"),
        HistoryKind.StepSleeps => Step(entry, "sleeping"),
        HistoryKind.StepWaits => Step(entry, "waiting"),
        HistoryKind.StepDelivered => Step(entry, "completed"),
        HistoryKind.Suspended => Make(entry, "suspended", new ProgressData { Attempt = entry.Attempt, Until = entry.Until }),
        HistoryKind.AttemptFailed =>
            Make(entry, "suspended", new ProgressData { Attempt = entry.Attempt, Until = entry.Until, Failed = true }),
        _ => null,
    };

    private static ProgressEvent Step(HistoryEntry entry, string state) =>
        Make(entry, "step", new ProgressData { Attempt = entry.Attempt, Step = entry.Text, State = state, Until = entry.Until });

    private static ProgressEvent Make(HistoryEntry entry, string type, ProgressData data) =>
        new(entry.Number, type, data with { Time = entry.Time });
}

internal sealed record ProgressData
{
    public required int Attempt { get; init; }
    public string? Step { get; init; }

    /// <summary><c>completed</c>, <c>failed</c>, <c>retrying</c>, <c>running</c>, <c>sleeping</c> or <c>waiting</c>.</summary>
    public string? State { get; init; }

    /// <summary>When it goes on, where that is known.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>The attempt failed, after it was suspended.</summary>
    public bool? Failed { get; init; }
    public DateTimeOffset Time { get; init; }
}

/// <summary>A result within an event stream.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Headers">Name and value of each line, in order.</param>
/// <param name="Body">As text where it is UTF-8, else as base64.</param>
/// <param name="Encoding"><c>utf-8</c> or <c>base64</c>.</param>
internal sealed record ResultData(int Status, IEnumerable<string[]> Headers, string Body, string Encoding)
{
    private static readonly System.Text.UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static ResultData From(StoredResponse response)
    {
        var headers = response.Headers.Select(line => new[] { line.Name, line.Value });
        try
        {
            return new ResultData(response.Status, headers, Strict.GetString(response.Body.Span), "utf-8");
        }
        catch (ArgumentException)
        {
            return new ResultData(response.Status, headers, Convert.ToBase64String(response.Body.Span), "base64");
        }
    }
}

[JsonSerializable(typeof(ProgressData))]
[JsonSerializable(typeof(ResultData))]
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
internal sealed partial class ProgressJson : JsonSerializerContext;
