using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>Whether a request may go on.</summary>
/// <param name="Permit">Its place, to be disposed when its attempt is over; <see langword="null"/> where it needs none,
/// or has to wait.</param>
/// <param name="Due">When its run is due; <see langword="null"/>: it may go on now.</param>
/// <param name="ConcurrencyLimit">The gate that it waits at.</param>
internal readonly record struct Turn(FlowControl.Permit? Permit, DateTimeOffset? Due, ConcurrencyLimit? ConcurrencyLimit);
