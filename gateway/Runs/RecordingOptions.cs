using System.Collections.Immutable;

namespace DurableGateway.Runs;

/// <summary>What operators want of the store.</summary>
/// <param name="Notices">What they are told of.</param>
/// <param name="SearchHeaders">The headers of requests by whose values they find runs.</param>
internal sealed record RecordingOptions(NoticeOptions Notices, ImmutableArray<string> SearchHeaders);
