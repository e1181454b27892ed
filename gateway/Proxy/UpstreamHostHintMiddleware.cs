using DurableGateway.Configuration;
using DurableGateway.Diagnostics;

namespace DurableGateway.Proxy;

/// <summary>
/// A service that does not know the <c>Host</c> of a request answers 404 or 421 (RFC 9110 §15.5.20). If the first responses are all of that
/// kind, this logs once that <c>--upstream-host</c> may help.
/// </summary>
internal sealed class UpstreamHostHintMiddleware(RequestDelegate next, StartOptions line, ILogger<UpstreamHostHintMiddleware> log)
{
    private const int Enough = 5;

    private int _refused;
    private volatile bool _isDecided;

    public Task InvokeAsync(HttpContext context) => _isDecided ? next(context) : WatchAsync(context);

    private async Task WatchAsync(HttpContext context)
    {
        await next(context);
        if (!_isDecided) Look(context);
    }

    private void Look(HttpContext context)
    {
        // Responses of the gateway itself say nothing about the service.
        if (context.GetReverseProxyFeature().ProxiedDestination is null) return;
        if (context.Response.StatusCode is not (StatusCodes.Status404NotFound or StatusCodes.Status421MisdirectedRequest))
        {
            _isDecided = true;
            return;
        }

        if (Interlocked.Increment(ref _refused) != Enough) return;
        _isDecided = true;
        var isOriginal = line.UpstreamHost == UpstreamHost.Original;
        log.UnknownHost(Enough, line.Upstream!, isOriginal ? "its clients send" : "its URL names", isOriginal ? "destination" : "original");
    }
}
