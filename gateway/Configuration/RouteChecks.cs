using System.Collections.Immutable;
using DurableGateway.Runs;

namespace DurableGateway.Configuration;

/// <summary>
/// Checks YARP's section before YARP reads it, so that its errors are listed with the others: each route's policy and cluster, and the
/// routes whose runs it takes over.
/// </summary>
internal static class RouteChecks
{
    public const string PolicyMetadata = "Durable.Policy";

    /// <summary>The metadata key for the former names of a route, separated by commas. The route takes over their runs.</summary>
    public const string RenamedFromMetadata = "Durable.RenamedFrom";

    /// <summary>The prefix of the gateway's metadata keys.</summary>
    public const string Prefix = "Durable.";

    private static readonly string[] Known = [PolicyMetadata, RenamedFromMetadata, .. StepRules.Metadata];

    public static void Check(
        IConfigurationSection proxy, ImmutableDictionary<string, RunPolicy> policies, bool hasEgress, List<ConfigurationError> errors)
    {
        var clusters = proxy.GetSection("Clusters").GetChildren().ToDictionary(
            cluster => cluster.Key,
            cluster => cluster.GetSection("Destinations").GetChildren().Any(one => ForwardRoutes.IsRequestedHost(one["Address"])),
            StringComparer.OrdinalIgnoreCase);
        var routes = proxy.GetSection("Routes").GetChildren().ToArray();
        foreach (var route in routes)
        {
            var policy = route[$"Metadata:{PolicyMetadata}"];
            if (policy is not null && !policies.ContainsKey(policy)
                && !policy.Equals(PolicyBinder.DisableName, StringComparison.OrdinalIgnoreCase))
                errors.Add(new ConfigurationError($"{route.Path}:Metadata:{PolicyMetadata}", policy,
                    $"is no policy of route '{route.Key}' that is configured; "
                    + $"known are {string.Join(", ", policies.Keys.Order())} and {PolicyBinder.DisableName}"));
            var cluster = route["ClusterId"];
            if (ForwardRoutes.IsBuiltIn(route.Key))
                errors.Add(new ConfigurationError(route.Path, null, "is the name of the built-in route; choose another one"));
            if (cluster is null || !clusters.TryGetValue(cluster, out var isRequestedHost))
            {
                errors.Add(new ConfigurationError($"{route.Path}:ClusterId", cluster ?? "",
                    $"is not a cluster of ReverseProxy:Clusters; route '{route.Key}' needs one"));
            }
            else if (isRequestedHost && (route[$"Metadata:{StepRules.StepMetadata}"] is null || !HasHosts(route)))
            {
                errors.Add(new ConfigurationError($"{route.Path}:ClusterId", cluster, "forwards to the host that a request names; "
                    + $"its routes need {StepRules.StepMetadata} and Match:Hosts, for example *.internal"));
            }

            RefuseUnknown(route.GetSection("Metadata"), Known, errors);
            CheckStep(route, hasEgress, errors);
            if (route["Match:Path"] is { } path && HasLiteralAsterisk(path))
                errors.Add(new ConfigurationError($"{route.Path}:Match:Path", path,
                    "has an asterisk that would match literally; write {**rest} for everything below, or {name} for one segment"));
        }

        CheckRenames(routes, errors);
    }

    private static bool HasHosts(IConfigurationSection route) => route.GetSection("Match:Hosts").GetChildren().Any();

    /// <summary>Checks the metadata of a route for the calls that services make.</summary>
    private static void CheckStep(IConfigurationSection route, bool hasEgress, List<ConfigurationError> errors)
    {
        var metadata = route.GetSection("Metadata").GetChildren()
            .Where(item => item.Value is not null).ToDictionary(item => item.Key, item => item.Value!, StringComparer.OrdinalIgnoreCase);
        StepRules.Read(metadata, (key, why) => errors.Add(
            new ConfigurationError($"{route.Path}:Metadata:{key}", metadata.GetValueOrDefault(key), why)));
        if (metadata.GetValueOrDefault(StepRules.StepMetadata) is not { } step) return;
        var name = $"{route.Path}:Metadata:{StepRules.StepMetadata}";
        if (metadata.ContainsKey(PolicyMetadata))
            errors.Add(new ConfigurationError(name, step, $"is for calls of services, and {PolicyMetadata} for requests of clients; "
                + "use a route for each"));
        if (!hasEgress)
            errors.Add(new ConfigurationError(name, step,
                "needs Durable:Listeners:Egress, which is not set; no listener serves this route"));
    }

    /// <summary>Whether the path has an asterisk outside braces, where it has no special meaning.</summary>
    private static bool HasLiteralAsterisk(string path)
    {
        var depth = 0;
        foreach (var letter in path)
        {
            if (letter == '{') depth++;
            else if (letter == '}') depth--;
            else if (letter == '*' && depth == 0) return true;
        }

        return false;
    }

    /// <summary>Reports unknown metadata keys with the gateway's prefix. Other metadata is free.</summary>
    public static void RefuseUnknown(IConfigurationSection metadata, string[] known, List<ConfigurationError> errors)
    {
        foreach (var section in metadata.GetChildren().Where(item => item.GetChildren().Any()))
        {
            errors.Add(new ConfigurationError(section.Path, null,
                $"is a section, but metadata is a flat list of strings; write one key with a dot, for example \"{known[0]}\""));
        }

        foreach (var item in metadata.GetChildren().Where(item => item.Key.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)))
        {
            if (!known.Contains(item.Key, StringComparer.OrdinalIgnoreCase))
                errors.Add(new ConfigurationError(item.Path, null, Spelling.NoSuchKey(item.Key, known)));
        }
    }

    /// <summary>Splits a list of former names.</summary>
    public static string[] FormerNames(string? list) =>
        (list ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static void CheckRenames(IConfigurationSection[] routes, List<ConfigurationError> errors)
    {
        var names = routes.Select(route => route.Key).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var heirs = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var route in routes)
        {
            var (key, list) = ($"{route.Path}:Metadata:{RenamedFromMetadata}", route[$"Metadata:{RenamedFromMetadata}"]);
            foreach (var name in FormerNames(list))
            {
                if (names.Contains(name))
                    errors.Add(new ConfigurationError(key, list,
                        $"names '{name}', which is a configured route; a route keeps its own runs"));
                else if (!heirs.TryAdd(name, route.Key))
                    errors.Add(new ConfigurationError(key, list, $"names '{name}', whose runs route '{heirs[name]}' already takes over"));
            }
        }
    }
}
