using DurableGateway.Diagnostics;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>
/// Ends the run of a client that has its response except for the last bytes. They follow when the store has the end, or when the store is
/// unavailable and this node certainly holds the lease. If another attempt owns the run, the client is cut off.
/// </summary>
internal sealed class LiveResponses(RunEngine engine, TimeProvider time, ILogger<LiveResponses> log)
{
    public async Task FinishAsync(HttpContext context, AttemptFeature feature, AttemptReview review)
    {
        var attempt = feature.Attempt;
        await attempt.CloseAsync();
        if (!attempt.MayBeStored)
        {
            engine.EndUnstored(attempt, feature.Outcome == AttemptOutcome.Completed ? RunState.Completed : RunState.Failed, feature.Status);
            return;
        }

        await FinishStoredAsync(context, feature, review);
    }

    private async Task FinishStoredAsync(HttpContext context, AttemptFeature feature, AttemptReview review)
    {
        var attempt = feature.Attempt;
        var completing = Task.CompletedTask;
        try
        {
            var hasEnded = await StoreRetry.RepeatAsync(
                () => TryEndAsync(attempt, review), time, StoreRetry.ForEndOfAttempt, between: OnAwayAsync);
            if (hasEnded) await ReleaseAsync(context, feature);
            else CutOff(context, feature);
        }
        finally
        {
            await completing;
        }

        async Task OnAwayAsync(StoreUnavailableException error)
        {
            log.WriteRetried(attempt.Run, attempt.Key.Number, error.Message);
            if (feature.IsReleased || !attempt.HoldsLease) return;
            await ReleaseAsync(context, feature);

            // A client that does not read must not delay the write of the end.
            completing = CompleteAsync(context, feature);
        }
    }

    /// <summary>
    /// Aborts a response whose end is held back: another attempt may have another result, so the client must not take this one for
    /// complete.
    /// </summary>
    public static void CutOff(HttpContext context, AttemptFeature feature)
    {
        if (feature.HoldsEnd) context.Abort();
    }

    /// <returns><see langword="false"/> if another attempt owns the run.</returns>
    private async Task<bool> TryEndAsync(Attempt attempt, AttemptReview review) =>
        await engine.RepeatStoreAsync(attempt)
        && (await engine.SettleAsync(attempt, review.Evidence, review.Report)).State == AttemptState.Ended;

    private static Task ReleaseAsync(HttpContext context, AttemptFeature feature)
    {
        feature.IsReleased = true;
        return feature.Capture?.ReleaseAsync(context.RequestAborted) ?? Task.CompletedTask;
    }

    /// <summary>Ends the response while its request is still being processed: writes the last chunk, or the trailers.</summary>
    private static async Task CompleteAsync(HttpContext context, AttemptFeature feature)
    {
        try
        {
            await Http1TrailerTransforms.EndAsync(context);
            await feature.ClientBody!.CompleteAsync();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The client has disconnected.
        }
    }
}
