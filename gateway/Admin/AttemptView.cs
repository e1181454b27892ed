using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <param name="Number">The number of the attempt.</param>
/// <param name="StartedAt">The start of the attempt.</param>
/// <param name="EndedAt">The end of the attempt; <see langword="null"/> while it is in flight.</param>
/// <param name="Node">The node that sent it.</param>
/// <param name="Destination">The address of the service.</param>
/// <param name="Outcome"><c>running</c>, <c>suspended</c>, <c>failed</c>, <c>completed</c>, <c>lost</c>.</param>
/// <param name="Reason">Why the attempt failed.</param>
/// <param name="Status">The status of the service's response, or of the result if the attempt ended the run.</param>
internal sealed record AttemptView(
    int Number, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string Node, string? Destination, string Outcome, string? Reason,
    int? Status = null)
{
    /// <summary>What the service said about the failure, with the beginning of its body.</summary>
    public FailureText Failure { get; init; }
}
