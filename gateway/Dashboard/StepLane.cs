using DurableGateway.Admin;

namespace DurableGateway.Dashboard;

/// <param name="Step">The step.</param>
/// <param name="Index">The zero-based index among all steps of the run.</param>
/// <param name="Segments">Oldest first.</param>
/// <param name="FailedTries">The times of failed tries.</param>
/// <param name="IsParallel">Whether the step overlaps with the previous step.</param>
internal sealed record StepLane(
    StepView Step, int Index, IReadOnlyList<Segment> Segments, IReadOnlyList<DateTimeOffset> FailedTries, bool IsParallel);
