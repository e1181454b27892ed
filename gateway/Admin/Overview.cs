namespace DurableGateway.Admin;

/// <param name="Routes">Each route.</param>
/// <param name="Waiting">Runs that are parked.</param>
/// <param name="OldestWaiting">The start of the oldest of them.</param>
/// <param name="Store">How full the embedded store is; <see langword="null"/> with another one.</param>
internal sealed record Overview(IReadOnlyList<RouteOverview> Routes, long Waiting, DateTimeOffset? OldestWaiting, StoreFill? Store = null);
