namespace DurableGateway.Admin;

/// <param name="Used">The bytes that it keeps.</param>
/// <param name="Limit">Those from which on it takes no new runs.</param>
internal sealed record StoreFill(long Used, long Limit);
