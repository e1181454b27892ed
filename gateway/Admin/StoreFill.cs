namespace DurableGateway.Admin;

/// <param name="Used">The used bytes.</param>
/// <param name="Limit">The limit in bytes, at which the gateway refuses new runs.</param>
internal sealed record StoreFill(long Used, long Limit);
