using DurableGateway.Admin;

namespace DurableGateway.Dashboard;

/// <param name="Step">Which one it is.</param>
/// <param name="Index">Its place among all steps of the run.</param>
/// <param name="Segments">Oldest first.</param>
/// <param name="FailedTries">When a try of it failed.</param>
/// <param name="IsParallel">Whether it was under way at the same time as the step before it.</param>
internal sealed record StepLane(
    StepView Step, int Index, IReadOnlyList<Segment> Segments, IReadOnlyList<DateTimeOffset> FailedTries, bool IsParallel);
