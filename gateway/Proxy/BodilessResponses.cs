using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace DurableGateway.Proxy;

/// <summary>
/// Responses that have no body, but say that they do: <c>204</c> and <c>205</c> with a length or chunks. Services send them, and Kestrel
/// refuses to, with an empty <c>500</c>. They go on without.
/// </summary>
internal sealed class BodilessResponses : ITransformProvider
{
    /// <summary>A response of this status has no body (RFC 9110 §6.4.1, §15.3.6).</summary>
    public static bool Includes(int status) =>
        status is < StatusCodes.Status200OK or StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent
            or StatusCodes.Status304NotModified;

    /// <summary>A response of this status may declare the length that another one would have (RFC 9110 §8.6).</summary>
    public static bool MayDeclareLength(int status) => status is StatusCodes.Status304NotModified || !Includes(status);

    /// <summary>Takes away what Kestrel does not send with the status.</summary>
    public static void Fit(HttpResponse response)
    {
        if (!Includes(response.StatusCode)) return;
        if (!MayDeclareLength(response.StatusCode)) response.Headers.Remove(HeaderNames.ContentLength);
        response.Headers.Remove(HeaderNames.TransferEncoding);
        response.Headers.Remove(HeaderNames.Trailer);
    }

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context) => context.AddResponseTransform(static response =>
    {
        if (response.ProxyResponse is null) return default;
        var http = response.HttpContext;
        if (http.Response.StatusCode == StatusCodes.Status101SwitchingProtocols && !Conversations.Begins(http)
            && http.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true })
        {
            throw new IOException("The service answered 101 to a request that did not ask for it.");
        }

        Fit(http.Response);

        // A body that is there all the same is read to its end, and goes nowhere. A replay has no client to spare.
        var isReplay = http.Features.Get<AttemptFeature>() is { Attempt.IsReplay: true };
        if (http.Response.StatusCode == StatusCodes.Status205ResetContent && !isReplay) http.Response.Body = Stream.Null;
        return default;
    });
}
