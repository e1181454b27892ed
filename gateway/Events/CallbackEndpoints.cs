using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;
using DurableGateway.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace DurableGateway.Events;

/// <summary><c>POST /_durable/v1/callbacks/…</c> on the public listener (§6): a third party completes a step, once.</summary>
internal sealed class CallbackEndpoints(CallbackUrls urls, Waits waits, IRunStore store, Tokens tokens, TimeProvider time)
{
    private const string DefaultContentType = "application/octet-stream";

    public void Map(IEndpointRouteBuilder routes) => routes.MapPost(CallbackUrls.Path + "{run}/{step}/{token}", CompleteAsync);

    private async Task CompleteAsync(HttpContext context)
    {
        try
        {
            if (await DeliverAsync(context) is { } problem) await context.Response.WriteProblemAsync(problem);
            else context.Response.StatusCode = StatusCodes.Status204NoContent;
        }
        catch (StoreUnavailableException e)
        {
            await context.Response.WriteStoreAwayAsync(null, e.Detail);
        }
    }

    private async Task<Problem?> DeliverAsync(HttpContext context)
    {
        if (!tokens.CanVerify) throw new StoreUnavailableException("The keys are in the store, and the store has not answered yet.");
        var values = context.Request.RouteValues;
        if (urls.Parse(values["run"] as string, values["step"] as string, values["token"] as string) is not { } waiter) return Problems.CallbackUnknown();
        if (await store.GetPolicyAsync(waiter.Run) is not { } policy) return Problems.CallbackUnknown();
        if (await context.Request.ReadWholeAsync(policy.MaxStepBytes) is not { } body) return Problems.StepTooLarge(waiter.Run, policy.MaxStepBytes);
        var now = time.GetUtcNow();
        var delivery = await waits.DeliverAsync(waiter.Run, WaitKind.Callback, new StepOutcome
        {
            Id = waiter.Step,
            Type = WaitKind.Callback.Name(),
            Failed = false,
            ContentType = context.Request.ContentType is { Length: > 0 } type ? type : DefaultContentType,
            Body = body,
            Attempt = 0,
            StartedAt = now,
            EndedAt = now,
        });
        return delivery.Verdict switch
        {
            DeliveryVerdict.Woken => null,
            DeliveryVerdict.Done => Problems.CallbackUsed(waiter.Run),
            DeliveryVerdict.Ended => Problems.RunEnded(waiter.Run),
            DeliveryVerdict.Late => Problems.CallbackExpired(waiter.Run),
            _ => Problems.CallbackUnknown(),
        };
    }
}
