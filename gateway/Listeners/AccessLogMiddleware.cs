using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Protocol;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Listeners;

/// <summary>
/// Logs a line for each client request if <c>Durable:AccessLog</c> is set. The line contains neither the query nor the path of a callback
/// URL, because both may contain a capability.
/// </summary>
internal sealed class AccessLogMiddleware(RequestDelegate next, ILoggerFactory logs, TimeProvider time)
{
    public const string Category = "DurableGateway.Access";

    private readonly ILogger _log = logs.CreateLogger(Category);

    public Task InvokeAsync(HttpContext context) => context.IsControl() ? next(context) : LogAsync(context);

    private async Task LogAsync(HttpContext context)
    {
        var began = time.GetTimestamp();
        var isAborted = true;
        try
        {
            await next(context);
            isAborted = context.RequestAborted.IsCancellationRequested;
        }
        finally
        {
            var (request, response) = (context.Request, context.Response);
            var path = request.Path.StartsWithSegments(WirePaths.Callbacks.TrimEnd('/'), StringComparison.OrdinalIgnoreCase)
                ? WirePaths.Callbacks + "…"
                : (request.PathBase + request.Path).ToUriComponent();
            _log.Access(request.Method, path, response.StatusCode, time.GetElapsedTime(began).TotalMilliseconds,
                context.Features.Get<IHttpConnectionFeature>()?.RemoteIpAddress?.ToString() ?? "-", isAborted ? " aborted" : "",
                response.Headers[DurableHeaders.RunId].ToString() is { Length: > 0 } run ? run : "-");
        }
    }
}
