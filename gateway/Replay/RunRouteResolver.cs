using DurableGateway.Configuration;
using Yarp.ReverseProxy.Configuration;

namespace DurableGateway.Replay;

/// <summary>
/// Which route a stored run goes by: the one of its route's name as it is now, or one that was <c>Durable.RenamedFrom</c> that name.
/// </summary>
internal static class RunRouteResolver
{
    /// <returns><see langword="null"/> where the run's route is gone.</returns>
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

    /// <summary>The names by which runs of the route are stored.</summary>
    public static IEnumerable<string> NamesOf(RouteConfig route) => FormerNames(route).Prepend(route.RouteId);

    private static string[] FormerNames(RouteConfig route) =>
        route.Metadata?.GetValueOrDefault(RouteChecks.RenamedFromMetadata) is { } list ? RouteChecks.FormerNames(list) : [];
}
