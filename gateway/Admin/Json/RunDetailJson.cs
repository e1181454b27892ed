using DurableGateway.Runs;

namespace DurableGateway.Admin.Json;

internal sealed record RunDetailJson(
    RunJson Run, string Policy, MessageJson Request, MessageJson? Response, IReadOnlyList<AttemptJson> Attempts,
    IReadOnlyList<StepDetailJson> Steps,
    IReadOnlyList<HistoryJson> History, string? ResultUrl)
{
    public static RunDetailJson From(RunDetail detail) => new(
        RunJson.From(detail.Run), detail.Policy,
        new MessageJson(detail.Request.Method, detail.Request.RawTarget, null, Lines(detail.Request.Headers), detail.Request.Body.Length),
        detail.Response is { } response
            ? new MessageJson(null, null, response.Status, Lines(response.Headers), response.Body.Length)
            : null,
        [.. detail.Attempts.Select(attempt => new AttemptJson(
            attempt.Number, attempt.StartedAt, attempt.EndedAt, attempt.Node, attempt.Destination, attempt.Outcome, attempt.Reason,
            attempt.Status, FailureJson.From(attempt.Failure)))],
        [.. detail.Steps.Select(step => new StepDetailJson(
            step.Id, step.Type, step.State, step.Tries, step.Attempt, step.StartedAt, step.EndedAt, step.Until, step.ContentType,
            step.Body.Length, step.Reason, [.. step.FailedTries.Select(TryJson.From)], step.Edit?.Who))],
        [.. detail.History.Select(HistoryJson.From)],
        detail.ResultUrl);

    private static HeaderJson[] Lines(IReadOnlyList<HeaderLine> lines) => [.. lines.Select(line => new HeaderJson(line.Name, line.Value))];
}
