using System.Collections.Immutable;

namespace DurableGateway.Runs;

/// <summary>What the store records for operators.</summary>
/// <param name="Notices">The notices.</param>
/// <param name="SearchHeaders">The request headers by whose values operators can find runs.</param>
internal sealed record RecordingOptions(NoticeOptions Notices, ImmutableArray<string> SearchHeaders);
