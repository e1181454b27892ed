using System.Globalization;

namespace DurableGateway.Configuration;

/// <summary>Checks YARP's clusters: the address of each destination, and the number of replays that a cluster accepts.</summary>
internal static class ClusterChecks
{
    /// <summary>The metadata key of a destination for the build of the service that runs there.</summary>
    public const string BuildMetadata = "Durable.Build";

    /// <summary>
    /// The metadata key of a cluster for the maximum number of replays that one node sends to it at once: <c>"Metadata": {
    /// "Durable.MaxReplays": "64" }</c>.
    /// </summary>
    public const string MaxReplaysMetadata = "Durable.MaxReplays";

    public const int DefaultMaxReplays = 64;

    public static void Check(IConfigurationSection proxy, List<ConfigurationError> errors)
    {
        foreach (var cluster in proxy.GetSection("Clusters").GetChildren())
        {
            if (ForwardRoutes.IsBuiltIn(cluster.Key))
                errors.Add(new ConfigurationError(cluster.Path, null, "is the name of the built-in cluster; choose another one"));
            if (cluster[$"Metadata:{MaxReplaysMetadata}"] is { } limit
                && !(int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0))
                errors.Add(new ConfigurationError($"{cluster.Path}:Metadata:{MaxReplaysMetadata}", limit,
                    "is not a whole number of at least 1"));
            RouteChecks.RefuseUnknown(cluster.GetSection("Metadata"), [MaxReplaysMetadata], errors);
            if (!cluster.GetSection("Destinations").GetChildren().Any())
            {
                errors.Add(new ConfigurationError($"{cluster.Path}:Destinations", null,
                    $"has no destination, so every request to cluster '{cluster.Key}' would fail; while a service is unavailable, "
                    + "keep its address: durable routes store their requests"));
            }

            foreach (var destination in cluster.GetSection("Destinations").GetChildren())
            {
                RouteChecks.RefuseUnknown(destination.GetSection("Metadata"), [BuildMetadata], errors);
                var address = destination["Address"];
                if (ForwardRoutes.IsRequestedHost(address))
                {
                    CheckRequestedHost(cluster, destination, errors);
                    continue;
                }

                if (!Uri.TryCreate(address, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
                    errors.Add(new ConfigurationError($"{destination.Path}:Address", address ?? "",
                        "is not an absolute http:// or https:// URL"));
                else if (url is not { Query: "", Fragment: "", UserInfo: "" } || address!.Contains('?', StringComparison.Ordinal)
                    || address.Contains('#', StringComparison.Ordinal))
                    errors.Add(new ConfigurationError($"{destination.Path}:Address", address!, "has a query, a fragment or a user name, "
                        + "which requests would not contain; write scheme, host, port and path only"));
            }
        }
    }

    /// <summary>Checks a cluster that forwards to the host that a request names, by routes of the egress listener.</summary>
    private static void CheckRequestedHost(
        IConfigurationSection cluster, IConfigurationSection destination, List<ConfigurationError> errors)
    {
        var address = destination["Address"];
        void Refuse(string why) => errors.Add(new ConfigurationError($"{destination.Path}:Address", address, why));
        if (cluster.GetSection("Destinations").GetChildren().Count() > 1)
            Refuse("is the host that a request names, so it must be the only destination of its cluster");
        if (cluster.GetSection("HttpClient:WebProxy").GetChildren().Any())
            Refuse("needs a connection whose address can be checked, so the cluster cannot have HttpClient:WebProxy");
        if (bool.TryParse(cluster["HealthCheck:Active:Enabled"], out var isActive) && isActive)
            Refuse("is no host that can be probed, so the cluster cannot have HealthCheck:Active");

        // The connections of HTTP/3 are made within the handler, and pass no callback.
        if (Version.TryParse(Dotted(cluster["HttpRequest:Version"]), out var version) && version.Major >= 3)
        {
            Refuse("needs a connection whose address can be checked, so the cluster cannot use HTTP/3: set HttpRequest:Version to 2 or "
                + "less");
        }

        if (Enum.TryParse<HttpVersionPolicy>(cluster["HttpRequest:VersionPolicy"], ignoreCase: true, out var policy)
            && policy == HttpVersionPolicy.RequestVersionOrHigher)
        {
            Refuse("needs a connection whose address can be checked, so the cluster cannot use HTTP/3: set HttpRequest:VersionPolicy to "
                + "RequestVersionOrLower or RequestVersionExact");
        }
    }

    /// <summary>YARP reads a version as <c>2</c>, too.</summary>
    private static string? Dotted(string? version) => version?.Contains('.', StringComparison.Ordinal) is false ? version + ".0" : version;
}
