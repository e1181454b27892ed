using System.Text.Json;
using DurableGateway.Runs;

namespace DurableGateway.Admin;

internal sealed record RunPageJson(IReadOnlyList<RunJson> Runs, string? Next);

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

internal sealed record EventsJson(IReadOnlyList<EventJson> Events);

/// <summary>An event without its data.</summary>
internal sealed record EventJson(DateTimeOffset Time, string Type, string? Subject, string ContentType, int Bytes, int Woken)
{
    public static EventJson From(RecentEvent recent) => new(
        recent.At, recent.Event.Topic.Type, recent.Event.Topic.Key, recent.Event.ContentType, recent.Event.Data.Length, recent.Woken);
}

internal sealed record HeaderJson(string Name, string Value);

/// <summary>A request or a response without its body, which is at <c>…/body</c>.</summary>
internal sealed record MessageJson(string? Method, string? Target, int? Status, IReadOnlyList<HeaderJson> Headers, int BodyBytes);

internal sealed record AttemptJson(
    int Number, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string Node, string? Destination, string Outcome, string? Reason,
    int? Status);

internal sealed record StepDetailJson(
    string Id, string Type, string State, int Tries, int Attempt, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, DateTimeOffset? Until,
    string? ContentType, int BodyBytes,
    string? Reason);

internal sealed record HistoryJson(
    long Number, DateTimeOffset Time, string Kind, int Attempt, DateTimeOffset? Until, string Text, string? Reason,
    int? Status, string? Destination);

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
            attempt.Status))],
        [.. detail.Steps.Select(step => new StepDetailJson(
            step.Id, step.Type, step.State, step.Tries, step.Attempt, step.StartedAt, step.EndedAt, step.Until, step.ContentType,
            step.Body.Length, step.Reason))],
        [.. detail.History.Select(entry =>
            new HistoryJson(entry.Number, entry.Time, entry.Kind.ToString(), entry.Attempt, entry.Until, entry.Text, entry.Reason,
                entry.Status > 0 ? entry.Status : null, entry.Destination))],
        detail.ResultUrl);

    private static HeaderJson[] Lines(IReadOnlyList<HeaderLine> lines) => [.. lines.Select(line => new HeaderJson(line.Name, line.Value))];
}

internal sealed record DestinationJson(string Address, string Health);

internal sealed record MinuteJson(DateTimeOffset Minute, long Started, long Completed, long Failed, double LatencyMilliseconds);

internal sealed record RouteJson(
    string Route, string? Policy, string? Cluster, IReadOnlyList<DestinationJson> Destinations, IReadOnlyList<MinuteJson> Minutes)
{
    public static RouteJson From(RouteOverview route) => new(
        route.Route, route.Policy, route.Cluster,
        [.. route.Destinations.Select(destination => new DestinationJson(destination.Address, destination.Health))],
        [.. route.Minutes.Select(minute =>
            new MinuteJson(minute.Minute, minute.Started, minute.Completed, minute.Failed, minute.LatencyMilliseconds))]);
}

internal sealed record OverviewJson(IReadOnlyList<RouteJson> Routes, long Waiting, DateTimeOffset? OldestWaiting, StoreFill? Store);

/// <summary>What was done; the id of the run that has begun, where one has.</summary>
internal sealed record DoneJson(bool Done, string? NewRun);

/// <summary>The body of <c>from-step</c> and <c>edit-step</c>: the step, and its new outcome in base64.</summary>
internal sealed record StepActionJson(string Step, bool Failed = false, string? ContentType = null, string? Body = null);

/// <summary>Which runs a set action is for: as the query of the list.</summary>
internal sealed record FilterJson(string? State, string? Route, string? After, string? Before, string? Step, string? Search)
{
    public static FilterJson From(RunQuery query) =>
        new(query.State?.Name(), query.Route, Time(query.After), Time(query.Before), query.Step, query.Search);

    private static string? Time(DateTimeOffset? at) =>
        at?.ToUniversalTime().ToString("O", System.Globalization.CultureInfo.InvariantCulture);
}

internal sealed record BulkActionJson(string Action, FilterJson? Filter);

internal sealed record BulkActionsJson(IReadOnlyList<ProgressJson> Actions);

internal sealed record ProgressJson(
    string Id, string Action, FilterJson? Filter, string Who, string State, int Done, int Refused, DateTimeOffset StartedAt,
    DateTimeOffset? EndedAt, string? Problem)
{
    public static ProgressJson From(BulkAction set) => new(
        set.Id.ToString(), set.Verb, JsonSerializer.Deserialize<FilterJson>(set.Filter.Span, JsonSerializerOptions.Web), set.Who,
        set.State.ToString().ToLowerInvariant(), set.Done, set.Refused, set.StartedAt, set.EndedAt, set.Problem);
}
