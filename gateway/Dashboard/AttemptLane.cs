using DurableGateway.Admin;

namespace DurableGateway.Dashboard;

/// <param name="Attempt">Which one it is.</param>
/// <param name="Segments">How it came to be sent, then its execution.</param>
internal sealed record AttemptLane(AttemptView Attempt, IReadOnlyList<Segment> Segments);
