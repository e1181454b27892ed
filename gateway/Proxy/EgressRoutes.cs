using DurableGateway.Configuration;
using Yarp.ReverseProxy.Transforms.Builder;

namespace DurableGateway.Proxy;

internal static class EgressRoutes
{
    /// <summary>Whether the transforms are those of a route for the calls that services make.</summary>
    public static bool Includes(TransformBuilderContext context) =>
        context.Route.Metadata?.Keys.Contains(StepRules.StepMetadata, StringComparer.OrdinalIgnoreCase) is true;
}
