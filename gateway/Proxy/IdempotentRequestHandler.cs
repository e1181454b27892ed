using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Results;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>Answers a request whose idempotency key belongs to an existing run (§5).</summary>
internal sealed class IdempotentRequestHandler(IRunStore store, ResultUrlFactory results, ResultAccess access)
{
    /// <summary>
    /// Answers from the existing run. The whole request has arrived, because the key is looked up when the request is to be stored.
    /// </summary>
    public async Task AnswerAsync(HttpContext context, RunPolicy policy, TakenKey taken, RequestCapture? body)
    {
        var bytes = body is null ? ReadOnlyMemory<byte>.Empty : await body.DrainAsync(context.RequestAborted) ?? default;
        var request = RequestRecorder.Record(context, null, bytes);
        try
        {
            await AnswerAsync(context, policy, taken, IdempotencyMark.FingerprintOf(request.Method, request.RawTarget, bytes.Span));
        }
        catch (StoreUnavailableException e) when (!context.Response.HasStarted)
        {
            context.Response.Clear();
            context.Response.AllowOrigin(policy);
            await context.Response.WriteStoreAwayAsync(taken.Run, $"The run of this key could not be looked up. {e.Detail}");
        }
    }

    private async Task AnswerAsync(HttpContext context, RunPolicy policy, TakenKey taken, string fingerprint)
    {
        var response = context.Response;
        response.Clear();
        response.Headers[DurableHeaders.RunId] = taken.Run.ToString();
        if (taken.Fingerprint != fingerprint)
        {
            response.AllowOrigin(policy);
            await response.WriteProblemAsync(Problems.IdempotencyKeyReused(taken.Run));
            return;
        }

        response.Headers[DurableHeaders.IdempotentReplayed] = "true";
        var snapshot = await store.GetSnapshotAsync(taken.Run);
        if (snapshot is not null && access.Check(context.Request, snapshot) is { } problem)
        {
            // Several callers may share the scope of keys, but not the result.
            response.AllowOrigin(policy);
            await response.WriteProblemAsync(problem);
            return;
        }

        if (snapshot is { State: RunState.Completed or RunState.Failed } && await store.GetResultAsync(taken.Run) is { } result)
        {
            await StoredResponseWriter.WriteAsync(context, taken.Run, result, snapshot.State);
            return;
        }

        response.AllowOrigin(policy);
        if (snapshot is { State: RunState.Cancelled })
            await response.WriteProblemAsync(Problems.RunCancelled(taken.Run));
        else
            results.Redirect(context, policy, taken.Run, taken.End);
    }
}
