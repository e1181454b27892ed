namespace DurableGateway.Admin;

/// <param name="Id">Of the step.</param>
/// <param name="Type"><c>run</c>, <c>sleep</c>, <c>wait</c>, <c>callback</c>, <c>invoke</c>.</param>
/// <param name="State"><c>completed</c>, <c>failed</c>, <c>retrying</c>, <c>sleeping</c>, <c>waiting</c>, <c>begun</c>.</param>
/// <param name="Tries">How often it was tried.</param>
/// <param name="Attempt">The attempt that stored its outcome; 0 where none did.</param>
/// <param name="StartedAt">When it began, as far as is known.</param>
/// <param name="EndedAt">When its outcome was stored.</param>
/// <param name="Until">When its next try is due, or it wakes, or gives up.</param>
/// <param name="ContentType">Of its outcome.</param>
/// <param name="Body">Its outcome, secrets masked.</param>
/// <param name="Reason">Why its last try failed, where it has not completed since.</param>
internal sealed record StepView(
    string Id, string Type, string State, int Tries, int Attempt, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, DateTimeOffset? Until,
    string? ContentType, ReadOnlyMemory<byte> Body, string? Reason = null);
