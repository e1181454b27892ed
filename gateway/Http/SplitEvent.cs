using DurableGateway.Runs;

namespace DurableGateway.Http;

/// <param name="Event">The event.</param>
/// <param name="HasData">Whether there is more in it than comments and blank lines.</param>
internal readonly record struct SplitEvent(StreamEvent Event, bool HasData);
