using System.Net.Mime;
using System.Text;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;

namespace DurableGateway.Events;

/// <summary>
/// <c>POST /_durable/v1/callbacks/…</c> on the public listener (§6): a third party completes a step, once. <c>GET</c> returns a page
/// that asks a person to confirm.
/// </summary>
internal sealed class CallbackEndpoints(
    CallbackUrls urls, WaitService waits, IRunStore store, IWaitStore waitStore, Tokens tokens, TimeProvider time)
{
    private const string Pattern = CallbackUrls.Path + "{run}/{step}/{token}";
    private const string DefaultContentType = "application/octet-stream";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(Pattern, context =>
            context.Request.Query.ContainsKey(CallbackPage.ConfirmQuery) ? ConfirmAsync(context) : CompleteAsync(context));
        routes.MapMethods(Pattern, [HttpMethods.Get, HttpMethods.Head], ShowAsync);
    }

    private async Task CompleteAsync(HttpContext context)
    {
        try
        {
            if (await DeliverAsync(context, ReadAsync) is { } problem) await context.Response.WriteProblemAsync(problem);
            else context.Response.StatusCode = StatusCodes.Status204NoContent;
        }
        catch (StoreUnavailableException e)
        {
            await context.Response.WriteStoreAwayAsync(null, e);
        }
    }

    /// <summary>Handles the form of the page. The outcome of the step does not depend on the encoding of the form.</summary>
    private Task ConfirmAsync(HttpContext context) => AnswerPersonAsync(context, CallbackPage.ThankAsync,
        () => DeliverAsync(context,
            (_, _) => Task.FromResult<Content?>(new(MediaTypeNames.Application.Json, Encoding.UTF8.GetBytes(CallbackPage.Outcome)))));

    /// <summary>Shows the page. It changes nothing, because mail scanners, previews and prefetching browsers send <c>GET</c> too.</summary>
    private Task ShowAsync(HttpContext context) => AnswerPersonAsync(context, CallbackPage.AskAsync, async () =>
        Parse(context) is { } waiter
            ? ProblemOf(waiter.Run, await waitStore.PeekAsync(waiter, WaitKind.Callback))
            : Problems.CallbackUnknown());

    private static async Task AnswerPersonAsync(HttpContext context, Func<HttpContext, Task> answer, Func<Task<Problem?>> find)
    {
        try
        {
            if (await find() is { } problem) await CallbackPage.WriteAsync(context, problem);
            else await answer(context);
        }
        catch (StoreUnavailableException e)
        {
            await CallbackPage.WriteAsync(context, context.Response.DescribeStoreAway(null, e, e.Detail));
        }
    }

    private async Task<Problem?> DeliverAsync(HttpContext context, Func<HttpContext, RunPolicy, Task<Content?>> read)
    {
        if (Parse(context) is not { } waiter || await store.GetPolicyAsync(waiter.Run) is not { } policy) return Problems.CallbackUnknown();
        if (await read(context, policy) is not { } content || content.Body.Length > policy.MaxStepBytes)
            return Problems.StepTooLarge(waiter.Run, policy.MaxStepBytes);
        var now = time.GetUtcNow();
        var delivery = await waits.DeliverAsync(waiter.Run, WaitKind.Callback, new StepOutcome
        {
            Id = waiter.Step,
            Type = WaitKind.Callback.Name(),
            Failed = false,
            ContentType = content.Type,
            Body = content.Body,
            Attempt = 0,
            StartedAt = now,
            EndedAt = now,
        });
        return ProblemOf(waiter.Run, delivery.Verdict);
    }

    private Waiter? Parse(HttpContext context)
    {
        if (!tokens.CanVerify) throw new StoreUnavailableException(Tokens.KeysAway);
        var values = context.Request.RouteValues;
        return urls.Parse(values["run"] as string, values["step"] as string, values["token"] as string);
    }

    private static async Task<Content?> ReadAsync(HttpContext context, RunPolicy policy) =>
        await context.Request.ReadWholeAsync(policy.MaxStepBytes) is { } body
            ? new Content(context.Request.ContentType is { Length: > 0 } type ? type : DefaultContentType, body)
            : null;

    private static Problem? ProblemOf(RunId run, DeliveryVerdict verdict) => verdict switch
    {
        DeliveryVerdict.Woken => null,
        DeliveryVerdict.Done => Problems.CallbackUsed(run),
        DeliveryVerdict.Ended => Problems.RunEnded(run),
        DeliveryVerdict.Late => Problems.CallbackExpired(run),
        _ => Problems.CallbackUnknown(),
    };

    private sealed record Content(string Type, ReadOnlyMemory<byte> Body);
}
