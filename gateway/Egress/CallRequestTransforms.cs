using DurableGateway.Proxy;
using DurableGateway.Telemetry;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace DurableGateway.Egress;

/// <summary>Counts the tries of a call, for its spans.</summary>
internal sealed class CallRequestTransforms : ITransformProvider
{
    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        if (EgressRoutes.Includes(context)) context.AddRequestTransform(OnRequest);
    }

    private static ValueTask OnRequest(RequestTransformContext context)
    {
        if (context.HttpContext.Features.Get<ForwardedCall>() is { Tries.Failed: > 0 and var count })
            Resends.Set(context.ProxyRequest, count);
        return default;
    }
}
