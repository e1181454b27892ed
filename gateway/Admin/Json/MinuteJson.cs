namespace DurableGateway.Admin.Json;

internal sealed record MinuteJson(
    DateTimeOffset Minute, long Started, long Completed, long Failed, double LatencyMilliseconds, long Unbound);
