namespace DurableGateway.Notices;

/// <summary>What a notice says of the run, as it is when the notice is sent.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Route">Its route.</param>
/// <param name="Method">Of the request.</param>
/// <param name="Path">Of the request, without its query.</param>
/// <param name="State"><c>running</c>, <c>waiting</c>, <c>completed</c>, <c>failed</c> or <c>cancelled</c>.</param>
/// <param name="Attempt">The number of the last attempt.</param>
/// <param name="StartedAt">When the run began.</param>
/// <param name="EndedAt">Of a run that has ended.</param>
/// <param name="NextAttemptAt">Of a run that waits.</param>
/// <param name="CompletedSteps">How many.</param>
/// <param name="FailedSteps">How many, for good.</param>
/// <param name="Mismatches">How many steps did not fit the handler.</param>
/// <param name="LastError">Why the last attempt failed.</param>
/// <param name="Url">Of its page.</param>
internal sealed record NoticeData(
    string RunId, string Route, string Method, string Path, string State, int Attempt, DateTimeOffset StartedAt, DateTimeOffset? EndedAt,
    DateTimeOffset? NextAttemptAt, int CompletedSteps, int FailedSteps, int Mismatches, string? LastError, string Url);
