using DurableGateway.Configuration;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Configuration.RouteValidators;

namespace DurableGateway.Proxy;

/// <summary>Keeps YARP from taking a changed route whose durable policy does not exist.</summary>
internal sealed class RouteValidator(PolicyRegistry policies) : IRouteValidator
{
    public ValueTask ValidateAsync(RouteConfig routeConfig, IList<Exception> errors)
    {
        var name = routeConfig.Metadata?.GetValueOrDefault(RouteChecks.PolicyMetadata);
        if (name is not null && policies.Find(routeConfig) is null && !name.Equals(PolicyBinder.DisableName, StringComparison.OrdinalIgnoreCase))
            errors.Add(new ArgumentException($"Durable policy '{name}' not found for route '{routeConfig.RouteId}'."));
        return default;
    }
}
