using System.Diagnostics.CodeAnalysis;
using Yarp.ReverseProxy.Configuration;

namespace DurableGateway.Configuration;

/// <summary>
/// YARP's own checks of its section, made before YARP makes them: so that what it would refuse is listed with all else, each with its
/// key, and a change is taken as a whole or not at all.
/// </summary>
internal static class ProxyChecks
{
    public const string Section = "ReverseProxy";

    public static void Check(IConfigurationSection proxy, List<ConfigurationError> errors)
    {
        ProxyKeys.Check(proxy, errors);
        using var services = Services(proxy);
        if (TryRead(services, out var config))
        {
            Validate(proxy, services, config, errors);
            return;
        }

        // The rest is checked without what cannot be read.
        var unreadable = Unreadable(proxy).ToArray();
        errors.AddRange(unreadable.Select(leaf =>
            new ConfigurationError(leaf.Key, leaf.Value, "cannot be read; write what YARP's documentation says of this key")));
        var rest = new ConfigurationBuilder().AddInMemoryCollection(proxy.AsEnumerable().ExceptBy(unreadable.Select(leaf => leaf.Key),
            pair => pair.Key)).Build();
        using var others = Services(rest.GetSection(Section));
        if (TryRead(others, out config)) Validate(proxy, others, config, errors);
        else errors.Add(new ConfigurationError(proxy.Path, null, "cannot be read by YARP"));
    }

    private static void Validate(
        IConfigurationSection proxy, ServiceProvider services, IProxyConfig config, List<ConfigurationError> errors)
    {
        var validator = services.GetRequiredService<IConfigValidator>();
        foreach (var route in config.Routes)
            Add(proxy.GetSection($"Routes:{route.RouteId}"), validator.ValidateRouteAsync(route).AsTask().GetAwaiter().GetResult(), errors);
        foreach (var cluster in config.Clusters)
            Add(proxy.GetSection($"Clusters:{cluster.ClusterId}"),
                validator.ValidateClusterAsync(cluster).AsTask().GetAwaiter().GetResult(), errors);
    }

    /// <summary>The key is that of the value that YARP quotes, where there is just one beside the section's name.</summary>
    private static void Add(IConfigurationSection section, IList<Exception> refusals, List<ConfigurationError> errors)
    {
        foreach (var refusal in refusals)
        {
            var quoted = Leaves(section).Where(leaf => leaf.Value != section.Key
                && refusal.Message.Contains($"'{leaf.Value}'", StringComparison.Ordinal)).ToArray();
            var key = quoted.Length == 1 ? quoted[0].Key : section.Path;

            // What our own checks have found is not said twice.
            if (quoted.Length == 0 && refusal.Message.StartsWith("No address found", StringComparison.Ordinal)) continue;
            errors.Add(new ConfigurationError(key, null, refusal.Message.TrimEnd('.')));
        }
    }

    /// <summary>YARP stops at the first value that it cannot read, and does not name it. So each is given to it by itself.</summary>
    private static IEnumerable<(string Key, string Value)> Unreadable(IConfigurationSection proxy)
    {
        foreach (var (key, value) in Leaves(proxy))
        {
            using var services = Services(new ConfigurationBuilder().AddInMemoryCollection([new(key, value)]).Build().GetSection(Section));
            if (!TryRead(services, out _)) yield return (key, value);
        }
    }

    private static IEnumerable<(string Key, string Value)> Leaves(IConfigurationSection section) =>
        section.AsEnumerable().Where(pair => !string.IsNullOrEmpty(pair.Value)).Select(pair => (pair.Key, pair.Value!)).Order();

    private static ServiceProvider Services(IConfigurationSection proxy)
    {
        var services = new ServiceCollection().AddLogging();
        services.AddReverseProxy().LoadFromConfig(proxy);
        return services.BuildServiceProvider();
    }

    private static bool TryRead(ServiceProvider services, [NotNullWhen(true)] out IProxyConfig? config)
    {
        try
        {
            config = services.GetRequiredService<IProxyConfigProvider>().GetConfig();
            return true;
        }
        catch (Exception)
        {
            // Whatever it is that a value of the wrong shape makes YARP throw.
            config = null;
            return false;
        }
    }
}
