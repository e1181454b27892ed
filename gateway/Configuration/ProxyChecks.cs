using System.Diagnostics.CodeAnalysis;
using Yarp.ReverseProxy.Configuration;

namespace DurableGateway.Configuration;

/// <summary>
/// Runs YARP's own checks of its section before YARP does. All errors are then listed together with their keys, and a change is applied
/// completely or not at all.
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

        // The remaining values are checked without the unreadable ones.
        var unreadable = Unreadable(proxy).ToArray();
        errors.AddRange(unreadable.Select(leaf =>
            new ConfigurationError(leaf.Key, leaf.Value, "cannot be read; see YARP's documentation of this key")));
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

    /// <summary>Adds YARP's errors. If YARP quotes exactly one value besides the section's name, the key is that of the value.</summary>
    private static void Add(IConfigurationSection section, IList<Exception> refusals, List<ConfigurationError> errors)
    {
        foreach (var refusal in refusals)
        {
            var quoted = Leaves(section).Where(leaf => leaf.Value != section.Key
                && refusal.Message.Contains($"'{leaf.Value}'", StringComparison.Ordinal)).ToArray();
            var key = quoted.Length == 1 ? quoted[0].Key : section.Path;

            // ClusterChecks already reports this error.
            if (quoted.Length == 0 && refusal.Message.StartsWith("No address found", StringComparison.Ordinal)) continue;
            errors.Add(new ConfigurationError(key, null, refusal.Message.TrimEnd('.')));
        }
    }

    /// <summary>Finds unreadable values. YARP stops at the first one and does not name it, so YARP reads each value separately.</summary>
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
            // YARP throws various exceptions for a value of the wrong type.
            config = null;
            return false;
        }
    }
}
