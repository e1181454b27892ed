using DurableGateway.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace DurableGateway.Proxy;

/// <summary>
/// Removes <c>Content-Length</c> and <c>Transfer-Encoding</c> from <c>204</c> and <c>205</c> responses. Services send them, but Kestrel
/// rejects such a response with an empty <c>500</c>. Removes what the service names in <c>Connection</c>, too.
/// </summary>
internal sealed class BodilessResponseTransforms : ITransformProvider
{
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
        if (http.Response.StatusCode == StatusCodes.Status101SwitchingProtocols && !LongLivedRequest.Begins(http)
            && http.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true })
        {
            throw new IOException("The service answered 101 to a request that did not ask for it.");
        }

        // What the service names in Connection ends here. YARP has removed only Connection itself.
        if (response.ProxyResponse.Headers.NonValidated.TryGetValues("Connection", out var connection))
            HopByHopHeaders.RemoveNamed(http.Response.Headers, connection);
        BodilessStatus.Fit(http.Response);

        // A body that is there all the same is read to its end, and goes nowhere. A replay has no client to spare.
        if (http.Response.StatusCode == StatusCodes.Status205ResetContent
            && http.Features.Get<AttemptFeature>() is not { Attempt.IsReplay: true }) http.Response.Body = Stream.Null;
        return default;
    });
}
