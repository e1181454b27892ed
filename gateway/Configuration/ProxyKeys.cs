using System.Globalization;
using System.Reflection;
using Yarp.ReverseProxy.Configuration;

namespace DurableGateway.Configuration;

/// <summary>Reports unknown keys of YARP's section, which YARP ignores. YARP's own types define the known keys.</summary>
internal static class ProxyKeys
{
    public static void Check(IConfigurationSection proxy, List<ConfigurationError> errors)
    {
        RefuseUnknown(proxy, ["Routes", "Clusters"], errors);
        CheckEach(proxy.GetSection("Routes"), typeof(RouteConfig), errors);
        CheckEach(proxy.GetSection("Clusters"), typeof(ClusterConfig), errors);
    }

    private static void CheckEach(IConfigurationSection named, Type type, List<ConfigurationError> errors)
    {
        foreach (var one in named.GetChildren()) CheckOne(one, type, errors);
    }

    private static void CheckOne(IConfigurationSection section, Type type, List<ConfigurationError> errors)
    {
        // Routes and clusters are named by their sections.
        var known = type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.Name is not (nameof(RouteConfig.RouteId))
                && !(type == typeof(ClusterConfig) && property.Name is nameof(ClusterConfig.ClusterId)))
            .ToDictionary(property => property.Name, property => property.PropertyType, StringComparer.OrdinalIgnoreCase);
        RefuseUnknown(section, known.Keys, errors);
        foreach (var child in section.GetChildren())
        {
            if (!known.TryGetValue(child.Key, out var kind)) continue;
            if ((Nullable.GetUnderlyingType(kind) ?? kind) == typeof(TimeSpan)) CheckSpan(child, errors);
            else if (IsSection(kind)) CheckOne(child, kind, errors);
            else if (kind.IsGenericType && kind.GetGenericArguments()[^1] is var item && IsSection(item)) CheckEach(child, item, errors);
        }
    }

    /// <summary>Reports time spans such as <c>48:00:00</c>, which YARP reads as 48 days. ProxyChecks reports unreadable ones.</summary>
    private static void CheckSpan(IConfigurationSection span, List<ConfigurationError> errors)
    {
        if (span.Value is { Length: > 0 } text && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out _)
            && !TimeSpans.TryParse(text.Trim(), out _))
            errors.Add(new ConfigurationError(span.Path, text,
                $"is not a span of time, written [d.]hh:mm:ss[.fff]{TimeSpans.Remedy(text.Trim())}"));
    }

    private static bool IsSection(Type type) =>
        type is { IsClass: true, Namespace: { } space } && space.StartsWith("Yarp.", StringComparison.Ordinal);

    private static void RefuseUnknown(IConfigurationSection section, IReadOnlyCollection<string> known, List<ConfigurationError> errors)
    {
        foreach (var child in section.GetChildren())
        {
            if (!known.Contains(child.Key, StringComparer.OrdinalIgnoreCase))
                errors.Add(new ConfigurationError(child.Path, null, Spelling.NoSuchKey(child.Key, known)));
        }
    }
}
