using System.Diagnostics;
using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Telemetry;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Proxy;

/// <summary>
/// Starts the span of a live attempt before YARP starts its own, so that the spans of the forwarder and the HTTP client are its children,
/// as in a replay. The code that creates the run adds the run's id to the span. A request that does not become a run has an attempt span
/// without an id.
/// </summary>
internal sealed class AttemptTracingMiddleware(RequestDelegate next, PolicyRegistry policies)
{
    public Task InvokeAsync(HttpContext context) =>
        Tracing.IsEnabled
        && context.GetEndpoint()?.Metadata.GetMetadata<RouteModel>() is { } route && policies.For(route) is { } policy
        && !LongLivedRequest.Begins(context) && context.Features.Get<Invocation>() is null
        && !PreferHeader.RespondAsync(context.Request.Headers[DurableHeaders.Prefer])
        && Spans.StartAttempt(route.Config.RouteId, policy, isReplay: false) is { } span
            ? TraceAsync(context, span)
            : next(context);

    /// <summary>The span of the client's request, even if YARP has started others since.</summary>
    public static Activity? RequestOf(HttpContext context) =>
        Tracing.IsEnabled ? context.Features.Get<IHttpActivityFeature>()?.Activity ?? Activity.Current : Activity.Current;

    /// <summary>The span of this request's attempt.</summary>
    public static Activity? SpanOf(HttpContext context) => Tracing.IsEnabled ? context.Features.Get<Traced>()?.Span : null;

    private async Task TraceAsync(HttpContext context, Activity span)
    {
        using (span)
        {
            context.Features.Set(new Traced(span));
            await next(context);
        }
    }

    private sealed record Traced(Activity Span);
}
