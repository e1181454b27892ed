using DurableGateway.Runs;

namespace DurableGateway.Http;

/// <summary>A stored outcome on the wire (§3, <c>GET {callback}/steps</c>).</summary>
internal sealed record StepJson(
    string Id, string Type, string Outcome, string ContentType, ReadOnlyMemory<byte> Body, int Attempt,
    DateTimeOffset StartedAt, DateTimeOffset EndedAt)
{
    public static StepJson From(StepOutcome step) => new(
        step.Id, step.Type, step.Failed ? "failed" : "completed", step.ContentType, step.Body, step.Attempt, step.StartedAt, step.EndedAt);
}
