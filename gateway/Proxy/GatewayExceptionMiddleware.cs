using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Protocol;

namespace DurableGateway.Proxy;

/// <summary>What nobody expected is said as a problem document, with the gateway named as the one that failed.</summary>
internal sealed class GatewayExceptionMiddleware(RequestDelegate next, ILogger<GatewayExceptionMiddleware> log)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client went away; there is nobody to answer.
        }
        catch (BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            context.Response.Clear();
            await context.Response.WriteProblemAsync(Problems.BadRequest(e.StatusCode, e.Message));
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            Log.RequestFailed(log, e, context.Request.Method);
            context.Response.Clear();
            await context.Response.WriteProblemAsync(Problems.GatewayFailed());
        }
    }
}
