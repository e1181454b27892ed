using System.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Proxy;

/// <summary>
/// Creates the record of a live request. The caller passes the request's activity, because a run can also be stored from a step call or a
/// timer, where another activity is current.
/// </summary>
internal static class RequestRecorder
{
    public static StoredRequest Record(HttpContext context, Activity? activity, ReadOnlyMemory<byte> body)
    {
        var request = context.Request;
        var connection = context.Connection;
        return new StoredRequest
        {
            Method = request.Method,
            Scheme = request.Scheme,
            Protocol = request.Protocol,
            PathBase = request.PathBase.Value ?? "",
            Path = request.Path.Value ?? "",
            Query = request.QueryString.Value ?? "",
            RawTarget = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            RemoteAddress = connection.RemoteIpAddress?.ToString() ?? "",
            RemotePort = connection.RemotePort,
            LocalAddress = connection.LocalIpAddress?.ToString() ?? "",
            LocalPort = connection.LocalPort,
            TraceParent = activity?.Id ?? request.Headers.TraceParent.ToString(),
            TraceState = activity?.TraceStateString ?? request.Headers.TraceState.ToString(),
            Chunked = request.ContentLength is null && (context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? false),
            Headers = [.. HopByHopHeaders.Keep(request.Headers),
                .. request.Headers.Trailer.Select(value => new HeaderLine("Trailer", value ?? ""))],
            Trailers = RequestTrailers.Of(context.Features.Get<IHttpRequestTrailersFeature>()) ?? [],
            RouteValues = [.. request.RouteValues.Where(pair => pair.Value is not null)
                .Select(pair => KeyValuePair.Create(pair.Key, pair.Value!.ToString() ?? ""))],
            Body = body,
        };
    }
}
