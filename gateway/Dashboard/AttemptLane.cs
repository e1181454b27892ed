using DurableGateway.Admin;

namespace DurableGateway.Dashboard;

/// <param name="Attempt">The attempt.</param>
/// <param name="Segments">The time before the attempt, then its execution.</param>
internal sealed record AttemptLane(AttemptView Attempt, IReadOnlyList<Segment> Segments);
