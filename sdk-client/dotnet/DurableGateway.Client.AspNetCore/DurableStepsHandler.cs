using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace DurableGateway.Client.AspNetCore;

/// <summary>Wraps a handler, so that it is an attempt and its end is told to the gateway.</summary>
internal static class DurableStepsHandler
{
    public static async Task InvokeAsync(HttpContext context, RequestDelegate handler)
    {
        var scope = context.RequestServices.GetRequiredService<StepScope>();
        if (scope.HasBegun)
        {
            // The middleware and the endpoint are both wrapped: the outer one does it.
            await handler(context);
            return;
        }

        DurableAttempt attempt;
        try
        {
            attempt = scope.Begin(context);
        }
        catch (CheckpointException e)
        {
            await AnswerAsync(context, AttemptVerdict.Failed(e));
            return;
        }

        // An exception handler or a filter further in may have made a response of what was meant for the gateway.
        var told = false;
        context.Response.OnStarting(() =>
        {
            if (attempt.Override is not { } verdict) return Task.CompletedTask;
            told = true;
            SetHeaders(context, verdict);
            return Task.CompletedTask;
        });
        var verdict = await attempt.RunAsync(_ => handler(context));
        if (verdict.IsCompleted) return;
        if (!context.Response.HasStarted) await AnswerAsync(context, verdict);

        // A response that is under way cannot say so any more: one that ended well would be taken for the run's result.
        else if (!told) context.Abort();
    }

    private static async Task AnswerAsync(HttpContext context, AttemptVerdict verdict)
    {
        context.Response.Clear();
        context.Response.StatusCode = verdict.StatusCode;
        SetHeaders(context, verdict);
        if (verdict.Problem is not { } problem) return;
        context.Response.ContentType = "application/problem+json";
        context.Response.ContentLength = problem.Length;
        await context.Response.Body.WriteAsync(problem);
    }

    private static void SetHeaders(HttpContext context, AttemptVerdict verdict)
    {
        foreach (var (name, value) in verdict.Headers) context.Response.Headers[name] = value;
    }
}
