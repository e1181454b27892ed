namespace DurableGateway.Runs;

/// <param name="Verdict">What became of it.</param>
/// <param name="Since">Of a step that goes on waiting: since when what it waits for counts.</param>
/// <param name="Expiry">Of a step that goes on waiting: when nothing can come any more.</param>
internal readonly record struct Delivery(DeliveryVerdict Verdict, DateTimeOffset Since = default, DateTimeOffset Expiry = default);
