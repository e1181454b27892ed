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
            scope.Log.AttemptCannotBegin(e.Message);
            await AnswerAsync(context, AttemptVerdict.Failed(e, scope.ErrorDetails));
            return;
        }

        // An exception handler or a filter further in may have made a response of what was meant for the gateway.
        bool told = false, answered = false;
        context.Response.OnStarting(() =>
        {
            if (answered) return Task.CompletedTask;
            told = attempt.Override is not null;
            SetHeaders(context, attempt.HeadersOf(context.Response.StatusCode));
            return Task.CompletedTask;
        });
        var aborted = context.RequestAborted;
        AttemptVerdict verdict;
        try
        {
            verdict = await attempt.RunAsync(over =>
            {
                // What the handler takes for the client's leaving is the end of the attempt as well.
                context.RequestAborted = over;
                return handler(context);
            });
        }
        finally
        {
            context.RequestAborted = aborted;
        }

        if (verdict.IsCompleted) return;
        if (!context.Response.HasStarted)
        {
            answered = true;
            await AnswerAsync(context, verdict);
        }

        // A response that is under way cannot say so any more: one that ended well would be taken for the run's result.
        else if (!told)
        {
            context.Abort();
        }
    }

    public static async Task AnswerAsync(HttpContext context, AttemptVerdict verdict)
    {
        context.Response.Clear();
        context.Response.StatusCode = verdict.StatusCode;
        SetHeaders(context, verdict.Headers);
        if (verdict.Problem is not { } problem) return;
        context.Response.ContentType = "application/problem+json";
        context.Response.ContentLength = problem.Length;
        await context.Response.Body.WriteAsync(problem);
    }

    private static void SetHeaders(HttpContext context, IEnumerable<KeyValuePair<string, string>> headers)
    {
        foreach (var (name, value) in headers) context.Response.Headers[name] = value;
    }
}
