using DurableGateway.Proxy;
using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <summary>Counts the requests of clients. What becomes of a run later on is told by the engine.</summary>
internal sealed class RouteCountingMiddleware(RequestDelegate next, RouteCounter counts, TimeProvider time)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (context.Features.Get<AttemptFeature>() is not null || context.Features.Get<Invocation>() is not null)
        {
            await next(context);
            return;
        }

        var route = context.GetReverseProxyFeature().Route.Config.RouteId;
        counts.Began(route);
        var began = time.GetTimestamp();
        await next(context);

        // A client that is redirected to a result URL has a run that is not over.
        var response = context.Response;
        if (Results.ResultUrlFactory.IsResult(response.Headers.Location.ToString())) return;
        counts.Ended(route, response.StatusCode < StatusCodes.Status500InternalServerError ? RunState.Completed : RunState.Failed,
            time.GetElapsedTime(began));
    }
}
