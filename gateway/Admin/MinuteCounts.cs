namespace DurableGateway.Admin;

/// <param name="Minute">The start of the minute.</param>
/// <param name="Started">The number of requests to the route.</param>
/// <param name="Completed">The number of runs that completed, stored or not.</param>
/// <param name="Failed">The number of runs that failed finally, stored or not.</param>
/// <param name="Latency">The times from request to end of the runs that ended in the minute.</param>
/// <param name="Unbound">The number of calls of services that belonged to no run, if calls of the route are remembered.</param>
/// <param name="Retried">The number of attempts that failed, and whose runs are tried again.</param>
internal sealed record MinuteCounts(
    DateTimeOffset Minute, long Started, long Completed, long Failed, LatencyHistogram Latency, long Unbound = 0, long Retried = 0);
