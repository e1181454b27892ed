namespace DurableGateway.Admin;

/// <param name="Minute">Its start.</param>
/// <param name="Started">Requests to the route.</param>
/// <param name="Completed">Runs that completed, stored or not.</param>
/// <param name="Failed">Runs that failed for good.</param>
/// <param name="LatencyMilliseconds">The median time from request to end of those that ended.</param>
internal sealed record MinuteCounts(DateTimeOffset Minute, long Started, long Completed, long Failed, double LatencyMilliseconds);
