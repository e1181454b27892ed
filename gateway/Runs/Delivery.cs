namespace DurableGateway.Runs;

/// <param name="Verdict">The result of the delivery.</param>
/// <param name="Since">If the step continues to wait: the time from which deliveries count.</param>
/// <param name="Expiry">If the step continues to wait: when the wait ends.</param>
internal readonly record struct Delivery(DeliveryVerdict Verdict, DateTimeOffset Since = default, DateTimeOffset Expiry = default);
