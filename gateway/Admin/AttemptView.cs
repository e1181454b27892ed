namespace DurableGateway.Admin;

/// <param name="Number">Of the attempt.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="EndedAt"><see langword="null"/> while it is in flight.</param>
/// <param name="Node">The machine that sent it.</param>
/// <param name="Destination">The service's address.</param>
/// <param name="Outcome"><c>running</c>, <c>suspended</c>, <c>failed</c>, <c>completed</c>, <c>lost</c>.</param>
/// <param name="Reason">Why it failed.</param>
/// <param name="Status">Of the service's response, or of the result that the attempt ended the run with.</param>
internal sealed record AttemptView(
    int Number, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string Node, string? Destination, string Outcome, string? Reason,
    int? Status = null);
