using DurableGateway.Configuration;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace DurableGateway.Egress;

/// <summary>
/// Decides when the head of a response arrives whether it is remembered, and copies it then while it streams to the service.
/// </summary>
internal sealed class CallResponseTransforms(TimeProvider time) : ITransformProvider
{
    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        if (EgressRoutes.Includes(context)) context.AddResponseTransform(OnResponse);
    }

    private ValueTask OnResponse(ResponseTransformContext context)
    {
        var http = context.HttpContext;
        if (context.ProxyResponse is not { } answer) return default;

        // Only the gateway speaks with these headers.
        HopByHopHeaders.RemoveDurable(http.Response.Headers);
        if (http.Features.Get<ForwardedCall>() is not { } call) return default;
        call.Status = (int)answer.StatusCode;
        call.Destination = http.GetReverseProxyFeature().ProxiedDestination?.Model.Config.Address ?? "";
        var hasBody = !HttpMethods.IsHead(http.Request.Method) && !BodilessStatus.Includes(call.Status);
        call.EndsWithConnection = hasBody && answer.Version.Major < 2 && http.Response.ContentLength is null
            && answer.Headers.TransferEncodingChunked is not true;
        call.Note = NoteOf(http, call);
        if (!call.Rules.IsOutcome(call.Status))
        {
            call.RetryAfter = RetryAfter.Parse(http.Response.Headers.RetryAfter, time.GetUtcNow());
            if (!http.Response.HasStarted && call.TryPlanNext())
            {
                context.SuppressResponseBody = true;
                return default;
            }
        }

        if (call.Note is not null || !call.Rules.IsOutcome(call.Status))
        {
            call.EndWithCaller();
            return default;
        }

        var silence = LongLivedRequest.IdleTimeoutOf(http);
        call.Content = ServiceContent.Watch(answer, silence, time, CancellationToken.None);
        call.Headers = HopByHopHeaders.Keep(http.Response.Headers);
        var service = new ClientStream(http.Response.Body, silence, http, time, call.CallerGone);
        call.Held = new HeldResponse(service, call.MaxBytes, hasBody ? http.Response.ContentLength : null);
        http.Response.Body = call.Held;
        return default;
    }

    private static string? NoteOf(HttpContext http, ForwardedCall call) =>
        !call.Rules.IsOutcome(call.Status) ? null
        : http.Response.ContentType?.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase) is true
            ? "its response is a stream of events"
        : http.Response.ContentLength > call.MaxBytes && !HttpMethods.IsHead(http.Request.Method) ? TooLarge
        : call.EndsWithConnection && StepRules.IsSafe(http.Request.Method) ? Endless
        : null;

    /// <summary>
    /// Such a response counts as whole if its connection ends without an error, but a process that dies also ends its connections like
    /// this. A safe call is rather made again. An unsafe one is remembered: a response that may be incomplete is better than a second
    /// charge.
    /// </summary>
    public const string Endless = "its response has no length, so it may be incomplete";

    public const string TooLarge = "its response is larger than MaxStepBytes";
}
