using DurableGateway.Runs;

namespace DurableGateway.Admin.Json;

internal sealed record RunJson(
    string Id, string Route, string Method, string Path, string State, bool Paused, int Attempt,
    DateTimeOffset StartedAt, DateTimeOffset? EndedAt,
    DateTimeOffset? NextAttemptAt, int CompletedSteps, int FailedSteps, int PendingSteps, int? Status, string? LastError)
{
    public static RunJson From(RunRow run) => new(
        run.Id.ToString(), run.Route, run.Method, run.Path, run.State.Name(), run.Paused, run.Attempt,
        run.StartedAt, run.EndedAt, run.NextAttemptAt,
        run.CompletedSteps, run.FailedSteps, run.PendingSteps, run.Status, run.LastError);
}
