using System.Collections.Immutable;
using DurableGateway.Runs;

namespace DurableGateway.Configuration;

/// <summary>
/// What is checked about YARP's own section before YARP sees it, so that its mistakes are listed along with ours:
/// each route's durable policy and cluster.
/// </summary>
internal static class RouteChecks
{
    public const string PolicyMetadata = "Durable.Policy";

    public static void Check(IConfigurationSection proxy, ImmutableDictionary<string, RunPolicy> policies, List<ConfigurationError> errors)
    {
        var clusters = proxy.GetSection("Clusters").GetChildren().Select(cluster => cluster.Key).ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var route in proxy.GetSection("Routes").GetChildren())
        {
            var policy = route[$"Metadata:{PolicyMetadata}"];
            if (policy is not null && !policies.ContainsKey(policy) && !policy.Equals(PolicyBinder.DisableName, StringComparison.OrdinalIgnoreCase))
                errors.Add(new ConfigurationError($"{route.Path}:Metadata:{PolicyMetadata}", policy,
                    $"is no policy of route '{route.Key}' that is configured; known are {string.Join(", ", policies.Keys.Order())} and {PolicyBinder.DisableName}"));
            var cluster = route["ClusterId"];
            if (cluster is null || !clusters.Contains(cluster))
                errors.Add(new ConfigurationError($"{route.Path}:ClusterId", cluster ?? "",
                    $"is no cluster of ReverseProxy:Clusters; route '{route.Key}' needs one"));
        }
    }
}
