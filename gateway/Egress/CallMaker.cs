using System.Globalization;
using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Telemetry;

namespace DurableGateway.Egress;

/// <summary>Has a call made, and remembers its outcome before the service has all of it.</summary>
internal sealed class CallMaker(
    RunEngine engine, IRunStore store, IWaitStore repetitions, CallForwarder forwarder, TimeProvider time, ILogger<CallMaker> log)
{
    /// <param name="Attempt">The attempt that makes the call.</param>
    /// <param name="Route">The id of the route.</param>
    /// <param name="Rules">The rules of the route.</param>
    /// <param name="Call">The call.</param>
    /// <param name="Ledger">The ledger of the attempt.</param>
    /// <param name="Slot">The place of the call in the ledger.</param>
    internal sealed record Order(Attempt Attempt, string Route, StepRules Rules, ServiceCall Call, CallLedger Ledger, CallSlot Slot);

    public async Task MakeAsync(HttpContext context, Order order, RequestDelegate next)
    {
        var (attempt, slot) = (order.Attempt, order.Slot);
        var isSettled = false;

        // Until the outcome is stored: the store may be slow, and the caller may repeat its call meanwhile.
        using var gone = context.RequestAborted.Register(() => order.Ledger.Abandon(slot));
        try
        {
            // The call may have waited for another one.
            if (!await engine.OwnsAsync(attempt))
            {
                CallCounts.Add(order.Route, CallCounts.Refused);
                await context.Response.WriteProblemAsync(Problems.AttemptSuperseded(attempt.Run));
                return;
            }

            // Refused before the call is made: its outcome could not be stored.
            if (attempt.StepCount + order.Ledger.Made > attempt.Policy.MaxSteps)
            {
                CallCounts.Add(order.Route, CallCounts.Refused);
                await context.Response.WriteProblemAsync(Problems.TooManySteps(attempt.Run, attempt.Policy.MaxSteps));
                return;
            }

            if (context.Request.Headers[DurableHeaders.IdempotencyKey].Count == 0)
            {
                // The first attempt is before anything that an operator does.
                var name = RememberedCall.RepetitionName(order.Call.Target, order.Call.Digest, slot.Alike);
                var repetition = attempt.IsReplay ? await repetitions.GetRepetitionAsync(new Waiter(attempt.Run, name)) : 0;
                context.Request.Headers[DurableHeaders.IdempotencyKey] =
                    order.Call.ToIdempotencyKey(attempt.Run, slot.Alike, repetition);
            }

            if (order.Rules.Once && await BeginOnceAsync(order) is { } refusal)
            {
                CallCounts.Add(order.Route, CallCounts.Refused);
                await context.Response.WriteProblemAsync(refusal);
                return;
            }

            var began = time.GetUtcNow();
            var forwarded = await forwarder.ForwardAsync(context, order, next);
            using var held = forwarded.Held;
            if (held is { Overflowed: true }) forwarded.Note ??= CallResponseTransforms.TooLarge;
            if (forwarded is { IsWhole: true, Note: null } && held is not null)
            {
                var remembered = Remember(context, order, forwarded);
                var record = remembered.ToBytes();
                if (record.Length <= attempt.Policy.MaxStepBytes)
                {
                    isSettled = true;
                    if (forwarded.EndsWithConnection) await engine.NoteUncertainAsync(attempt, slot.Id, CallResponseTransforms.Endless);
                    await StoreAsync(context, order, remembered, record, began);
                    return;
                }

                forwarded.Note = CallResponseTransforms.TooLarge;
            }

            CallCounts.Add(order.Route, forwarded.Status > 0 ? CallCounts.Passed : CallCounts.Failed);
            if (forwarded.Note is { } note) await engine.NoteNotRememberedAsync(attempt, slot.Id, note);
            if (order.Rules.Once && forwarded.HasCertainlyFailed) await ForgetBeginningAsync(order);
            if (held is not null) await held.ReleaseAsync(CancellationToken.None);
        }
        finally
        {
            if (!isSettled) order.Ledger.Release(slot);
        }
    }

    private static RememberedCall Remember(HttpContext context, Order order, ForwardedCall forwarded) => new()
    {
        Target = order.Call.Target,
        Number = order.Slot.Number,
        Alike = order.Slot.Alike,
        Digest = order.Call.Digest,
        Request = order.Call.Body,
        Destination = forwarded.Destination,
        Response = forwarded.ToResponse(context),
    };

    /// <summary>Stores the outcome, and gives the service the end of its response after that.</summary>
    private async Task StoreAsync(HttpContext context, Order order, RememberedCall remembered, byte[] record, DateTimeOffset began)
    {
        var (attempt, slot) = (order.Attempt, order.Slot);
        var outcome = new StepOutcome
        {
            Id = slot.Id,
            Failed = false,
            ContentType = RememberedCall.ContentType,
            Body = record,
            Attempt = attempt.Key.Number,
            StartedAt = began,
            EndedAt = time.GetUtcNow(),
            Type = StepOutcome.CallType,
        };
        StepAnswer answer;
        try
        {
            answer = await StoreRetry.RepeatAsync(() => engine.CompleteStepAsync(attempt.Run, attempt.Key.Fence, attempt.Policy, outcome),
                time, StoreRetry.ForAnswer);
        }
        catch (Exception e)
        {
            // The service must not go on as if the call were remembered.
            if (e is StoreUnavailableException) attempt.NoteCheckpoint(isStored: false);
            CutOff(context, order, e.Message);
            if (e is StoreUnavailableException) return;
            throw;
        }

        // The same outcome is there if the answer to the first write was lost. Another one belongs to a step of the SDK with this id.
        var verdict = answer.Verdict;
        var isStored = verdict == StepVerdict.Created
            || (verdict == StepVerdict.Stored && answer.Outcome is { } stored && stored.Body.Span.SequenceEqual(record));
        if (isStored)
        {
            attempt.NoteCheckpoint(isStored: true);
            CallCounts.Add(order.Route, CallCounts.Remembered);
            StepTelemetry.Count(attempt.Policy.Name, StepOutcome.CallType, "completed");
            if (attempt.Span is { } span)
            {
                Spans.StepEnded(span.Context, attempt.Run, attempt.Key.Number,
                    new EndedStep(slot.Id, StepOutcome.CallType, Failed: false, outcome.EndedAt - began), "completed");
            }

            order.Ledger.Complete(slot, remembered);
        }
        else if (verdict == StepVerdict.Ended)
        {
            // The attempt has ended its run while the call was in flight. No replay makes it again.
            CallCounts.Add(order.Route, CallCounts.Passed);
            order.Ledger.Release(slot);
        }
        else
        {
            CutOff(context, order, verdict.ToString());
            return;
        }

        if (context.Response.Body is HeldResponse held) await held.ReleaseAsync(CancellationToken.None);
    }

    private void CutOff(HttpContext context, Order order, string reason)
    {
        log.CallNotStored(order.Slot.Id, order.Attempt.Run, order.Attempt.Key.Number, reason);
        CallCounts.Add(order.Route, CallCounts.Failed);
        order.Ledger.Release(order.Slot);
        context.Abort();
    }

    /// <summary>Records that a call is about to be made that must not be made twice.</summary>
    /// <returns>The problem if it may have been made before.</returns>
    private async Task<Problem?> BeginOnceAsync(Order order)
    {
        var attempt = order.Attempt;
        var execution = Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
        var answer = await StoreRetry.ResolveAsync(
            () => engine.StartStepAsync(attempt.Run, attempt.Key.Fence, attempt.Policy, order.Slot.Id, execution), time);
        return answer.Verdict switch
        {
            StepVerdict.Created => null,
            StepVerdict.Stored => Problems.EgressInterrupted(attempt.Run, order.Slot.Id),
            StepVerdict.TooMany => Problems.TooManySteps(attempt.Run, attempt.Policy.MaxSteps),
            _ => Problems.AttemptSuperseded(attempt.Run),
        };
    }

    /// <summary>Records a failed try, after which the call may be made again.</summary>
    private async Task ForgetBeginningAsync(Order order)
    {
        var (attempt, tries) = (order.Attempt, 0);
        try
        {
            while (true)
            {
                var answer = await StoreRetry.RepeatAsync(() => store.ScheduleStepAsync(attempt.Run, attempt.Key.Fence, order.Slot.Id,
                    attempt.Policy.MaxSteps, tries, time.GetUtcNow(), ""), time, StoreRetry.ForAnswer);
                if (answer.Verdict != StepVerdict.Recount) return;
                tries = answer.Tries;
            }
        }
        catch (StoreUnavailableException e)
        {
            // The service has its response. The call counts as one whose fate is unknown.
            log.CallNotStored(order.Slot.Id, attempt.Run, attempt.Key.Number, e.Message);
        }
    }
}
