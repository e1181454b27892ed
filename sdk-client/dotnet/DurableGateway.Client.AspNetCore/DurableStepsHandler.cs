using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace DurableGateway.Client.AspNetCore;

/// <summary>Wraps a handler as an attempt, and reports its end to the gateway.</summary>
internal static class DurableStepsHandler
{
    public static async Task InvokeAsync(HttpContext context, RequestDelegate handler)
    {
        var scope = context.RequestServices.GetRequiredService<StepScope>();
        if (scope.HasBegun)
        {
            // If both the middleware and the endpoint are wrapped, the outer one is the attempt.
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

        // An inner exception handler or filter may have turned an exception for the gateway into a response.
        bool told = false, answered = false;
        context.Response.OnStarting(() =>
        {
            if (answered) return Task.CompletedTask;
            told = attempt.Override is not null;
            SetHeaders(context, attempt.HeadersOf(context.Response.StatusCode));
            return Task.CompletedTask;
        });
        var aborted = context.RequestAborted;
        var body = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        AttemptVerdict verdict;
        try
        {
            // The verdict is known only after the handler has ended. A response that was sent by then would become the result.
            if (await attempt.HasRollbackBegunAsync())
                context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(Stream.Null));
            verdict = await attempt.RunAsync(over =>
            {
                // The end of the attempt also cancels RequestAborted of the handler.
                context.RequestAborted = over;
                return handler(context);
            });
        }
        catch (CheckpointException e)
        {
            scope.Log.AttemptCannotBegin(e.Message);
            verdict = AttemptVerdict.Failed(e, scope.ErrorDetails);
        }
        finally
        {
            context.RequestAborted = aborted;
            context.Features.Set(body);
        }

        if (verdict.IsCompleted) return;
        if (!context.Response.HasStarted)
        {
            answered = true;
            await AnswerAsync(context, verdict);
        }

        // The headers of a started response are sent. Abort it, because a complete response would become the run's result.
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
