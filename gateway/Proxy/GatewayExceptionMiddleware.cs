using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Protocol;

namespace DurableGateway.Proxy;

/// <summary>Answers an unexpected exception with a problem document that names the gateway as the cause.</summary>
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
            // The client disconnected, so there is no one to answer.
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
