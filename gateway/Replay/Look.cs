using DurableGateway.Runs;

namespace DurableGateway.Replay;

/// <summary>A look at a shard's queue.</summary>
/// <param name="Kind">What for.</param>
/// <param name="Shard">The shard.</param>
/// <param name="Cluster">Of a held look: the cluster that has room.</param>
/// <param name="From">Of a held look: where its runs begin.</param>
internal readonly record struct Look(LookKind Kind, int Shard, string Cluster = "", QueuePlace From = default);
