namespace DurableGateway.Admin;

/// <param name="Id">The id of the step.</param>
/// <param name="Type"><c>run</c>, <c>sleep</c>, <c>wait</c>, <c>callback</c>, <c>invoke</c>, <c>call</c>.</param>
/// <param name="State"><c>completed</c>, <c>failed</c>, <c>retrying</c>, <c>sleeping</c>, <c>waiting</c>, <c>begun</c>.</param>
/// <param name="Tries">The number of tries.</param>
/// <param name="Attempt">The attempt that stored the outcome; 0 if none did.</param>
/// <param name="StartedAt">The start of the step, if known.</param>
/// <param name="EndedAt">The time at which the outcome was stored.</param>
/// <param name="Until">The time of the next try, of the end of a sleep, or of the timeout of a wait.</param>
/// <param name="ContentType">The content type of the outcome.</param>
/// <param name="Body">The outcome, with secrets masked.</param>
/// <param name="Reason">Why the last try failed, unless the step completed later.</param>
internal sealed record StepView(
    string Id, string Type, string State, int Tries, int Attempt, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, DateTimeOffset? Until,
    string? ContentType, ReadOnlyMemory<byte> Body, string? Reason = null)
{
    /// <summary>The tries that failed, oldest first.</summary>
    public IReadOnlyList<StepTry> FailedTries { get; init; } = [];

    /// <summary>The start of the try that succeeded, or failed permanently, if known.</summary>
    public DateTimeOffset? LastTryAt { get; init; }

    /// <summary>The operator who has edited the outcome, and when.</summary>
    public (DateTimeOffset At, string Who)? Edit { get; init; }

    /// <summary>The status of the response, if the step is a call that the service made.</summary>
    public int? Status { get; init; }

    /// <summary>The address that was called, if the step is a call that the service made.</summary>
    public string? Destination { get; init; }
}
