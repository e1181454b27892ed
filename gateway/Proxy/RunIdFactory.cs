using DurableGateway.Configuration;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>Creates ids of runs. A run with an idempotency key is in the key's shard, so that one script writes both.</summary>
internal sealed class RunIdFactory(GatewaySettings settings)
{
    public RunId New(DateTimeOffset now, string? keyHash) => keyHash is null
        ? RunId.New(now)
        : RunId.New(now, IdempotencyMark.ShardOf(keyHash, settings.Shards), settings.Shards);

    /// <summary>Hashes the key with its scope: the route, and the header by which the policy distinguishes callers.</summary>
    public static string? HashOf(HttpContext context, RunPolicy policy, string route, string? key) =>
        key is null ? null : IdempotencyMark.HashOf(route, context.Request.Headers[policy.IdempotencyScope].ToString(), key);

    public static IdempotencyMark? Mark(string? keyHash, StoredRequest request) => keyHash is null
        ? null
        : new IdempotencyMark(keyHash, IdempotencyMark.FingerprintOf(request.Method, request.RawTarget, request.Body.Span));
}
