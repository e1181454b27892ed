using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>Whether a request can be sent now.</summary>
/// <param name="Permit">Its permit, to be disposed when its attempt is over; <see langword="null"/> if it needs none or has to
/// wait.</param>
/// <param name="Due">When its run is due; <see langword="null"/> if it can be sent now.</param>
/// <param name="ConcurrencyLimit">The concurrency limit that it waits for.</param>
internal readonly record struct Turn(FlowControl.Permit? Permit, DateTimeOffset? Due, ConcurrencyLimit? ConcurrencyLimit);
