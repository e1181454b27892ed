namespace DurableGateway.Admin.Json;

internal sealed record OverviewJson(IReadOnlyList<RouteJson> Routes, long Waiting, DateTimeOffset? OldestWaiting, StoreFill? Store,
    LatencyJson Latency);
