using System.Text.Json;
using System.Text.Json.Serialization;
using DurableGateway.Runs;

namespace DurableGateway.Http;

/// <summary>A run's state on the wire (§3, <c>GET {callback}</c>; §5, the <c>202</c> of a result URL).</summary>
internal sealed record RunStateJson(
    string RunId, string State, int Attempt, StepCountsJson Steps, DateTimeOffset StartedAt, DateTimeOffset? NextAttemptAt)
{
    public static RunStateJson From(RunSnapshot run) => new(run.Id.ToString(), run.State.Name(), run.Attempt,
        new StepCountsJson(run.CompletedSteps, run.FailedSteps, run.PendingSteps), run.StartedAt, run.NextAttemptAt);
}

internal sealed record StepCountsJson(int Completed, int Failed, int Pending);

/// <summary>A stored outcome on the wire (§3, <c>GET {callback}/steps</c>).</summary>
internal sealed record StepJson(
    string Id, string Type, string Outcome, string ContentType, ReadOnlyMemory<byte> Body, int Attempt,
    DateTimeOffset StartedAt, DateTimeOffset EndedAt)
{
    public static StepJson From(StepOutcome step) => new(
        step.Id, step.Type, step.Failed ? "failed" : "completed", step.ContentType, step.Body, step.Attempt, step.StartedAt, step.EndedAt);
}

/// <summary>How many runs an event has woken (§6).</summary>
internal sealed record WokenJson(int Woken);

[JsonSerializable(typeof(WokenJson))]
[JsonSerializable(typeof(RunStateJson))]
[JsonSerializable(typeof(IEnumerable<StepJson>))]
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
internal sealed partial class WireJson : JsonSerializerContext;
