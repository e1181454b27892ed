namespace DurableGateway.Admin;

/// <param name="Minute">The start of the minute.</param>
/// <param name="Started">The number of requests to the route.</param>
/// <param name="Completed">The number of runs that completed, stored or not.</param>
/// <param name="Failed">The number of runs that failed finally, stored or not.</param>
/// <param name="LatencyMilliseconds">The median time from request to end of the runs that ended in the minute.</param>
/// <param name="Unbound">The number of calls of services that belonged to no run, if calls of the route are remembered.</param>
internal sealed record MinuteCounts(
    DateTimeOffset Minute, long Started, long Completed, long Failed, double LatencyMilliseconds, long Unbound = 0);
