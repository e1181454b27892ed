using DurableGateway.Runs;

namespace DurableGateway.Http;

/// <param name="Event">The event.</param>
/// <param name="HasData">Whether it contains more than comments and blank lines.</param>
internal readonly record struct SplitEvent(StreamEvent Event, bool HasData);
