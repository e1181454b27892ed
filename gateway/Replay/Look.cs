using DurableGateway.Runs;

namespace DurableGateway.Replay;

/// <summary>A look at a shard's queue.</summary>
/// <param name="Kind">The purpose of the look.</param>
/// <param name="Shard">The shard.</param>
/// <param name="Cluster">For a held look: the cluster that has room.</param>
/// <param name="From">For a held look: the place in the queue to start from.</param>
internal readonly record struct Look(LookKind Kind, int Shard, string Cluster = "", QueuePlace From = default);
