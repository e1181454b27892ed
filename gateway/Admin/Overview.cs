namespace DurableGateway.Admin;

/// <param name="Routes">The routes.</param>
/// <param name="Waiting">The number of waiting runs.</param>
/// <param name="OldestWaiting">The start of the oldest waiting run.</param>
/// <param name="Store">The fill of the embedded store; <see langword="null"/> with Redis.</param>
internal sealed record Overview(IReadOnlyList<RouteOverview> Routes, long Waiting, DateTimeOffset? OldestWaiting, StoreFill? Store = null);
