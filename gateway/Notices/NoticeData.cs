namespace DurableGateway.Notices;

/// <summary>The data of a notice: the run at the time when the notice is sent.</summary>
/// <param name="RunId">The id of the run.</param>
/// <param name="Route">The id of its route.</param>
/// <param name="Method">The method of the request.</param>
/// <param name="Path">The path of the request, without its query.</param>
/// <param name="State"><c>running</c>, <c>waiting</c>, <c>completed</c>, <c>failed</c> or <c>cancelled</c>.</param>
/// <param name="Attempt">The number of the last attempt.</param>
/// <param name="StartedAt">The start of the run.</param>
/// <param name="EndedAt">The end of the run, if it has ended.</param>
/// <param name="NextAttemptAt">The time of the next attempt, if the run is waiting.</param>
/// <param name="CompletedSteps">The number of completed steps.</param>
/// <param name="FailedSteps">The number of finally failed steps.</param>
/// <param name="Mismatches">The number of steps that did not match those of an earlier attempt.</param>
/// <param name="LastError">Why the last attempt failed.</param>
/// <param name="Url">The URL of the run's page in the dashboard.</param>
internal sealed record NoticeData(
    string RunId, string Route, string Method, string Path, string State, int Attempt, DateTimeOffset StartedAt, DateTimeOffset? EndedAt,
    DateTimeOffset? NextAttemptAt, int CompletedSteps, int FailedSteps, int Mismatches, string? LastError, string Url);
