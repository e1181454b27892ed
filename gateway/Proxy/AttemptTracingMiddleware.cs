using System.Diagnostics;
using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Telemetry;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Proxy;

/// <summary>
/// Begins the span of a live attempt, before YARP's pipeline begins its own: so the forwarder's and the client's are beneath it, as they
/// are in a replay. Who takes the request for a run writes down which; a request that is no run after all has an attempt without one.
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

    /// <summary>The span of the client's request, whatever spans YARP has begun since.</summary>
    public static Activity? RequestOf(HttpContext context) =>
        Tracing.IsEnabled ? context.Features.Get<IHttpActivityFeature>()?.Activity ?? Activity.Current : Activity.Current;

    /// <summary>The span of the attempt that the request is.</summary>
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
