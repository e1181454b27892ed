using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>Creates drafts of runs from new requests.</summary>
internal sealed class RequestDrafts(RunIdFactory ids, RequestFlow flow, TimeProvider time)
{
    /// <param name="context">The request.</param>
    /// <param name="policy">The policy of its route.</param>
    /// <param name="body">Its body, as it is captured; <see langword="null"/> if it has none.</param>
    /// <param name="idempotencyKey">The key that the client sent, or <see langword="null"/>.</param>
    /// <param name="nonce">The nonce of the first attempt, if it begins now.</param>
    public RequestDraft Begin(HttpContext context, RunPolicy policy, RequestCapture? body, string? idempotencyKey, uint nonce = 0)
    {
        var now = time.GetUtcNow();
        var route = context.GetReverseProxyFeature().Route.Config.RouteId;
        var hash = RunIdFactory.HashOf(context, policy, route, idempotencyKey);
        return new RequestDraft(context, AttemptTracingMiddleware.RequestOf(context), body)
        {
            Run = ids.New(now, hash),
            Policy = policy,
            Route = route,
            StartedAt = now,
            ConcurrencyLimit = flow.LimitOf(context.Request, policy, route),
            KeyHash = hash,
            Nonce = nonce,
        };
    }
}
