using DurableGateway.Configuration;
using Yarp.ReverseProxy.Configuration;

namespace DurableGateway.Replay;

/// <summary>
/// Finds the route of a stored run: the route with the stored name, or one whose <c>Durable.RenamedFrom</c> contains that name.
/// </summary>
internal static class RunRouteResolver
{
    /// <returns><see langword="null"/> if the route does not exist.</returns>
    public static T? Find<T>(IEnumerable<T> candidates, Func<T, RouteConfig?> config, string name) where T : class
    {
        T? heir = null;
        foreach (var candidate in candidates)
        {
            if (config(candidate) is not { } route) continue;
            if (route.RouteId.Equals(name, StringComparison.OrdinalIgnoreCase)) return candidate;
            if (heir is null && FormerNames(route).Contains(name, StringComparer.OrdinalIgnoreCase)) heir = candidate;
        }

        return heir;
    }

    /// <summary>The names under which runs of the route are stored.</summary>
    public static IEnumerable<string> NamesOf(RouteConfig route) => FormerNames(route).Prepend(route.RouteId);

    private static string[] FormerNames(RouteConfig route) =>
        route.Metadata?.GetValueOrDefault(RouteChecks.RenamedFromMetadata) is { } list ? RouteChecks.FormerNames(list) : [];
}
