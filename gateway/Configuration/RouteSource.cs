namespace DurableGateway.Configuration;

/// <summary>
/// Provides YARP with the routes and clusters in use: those of the start, and then those of each change that passed all checks.
/// </summary>
internal sealed class RouteSource : ConfigurationProvider, IConfigurationSource
{
    public RouteSource(IConfiguration configuration)
    {
        Take(configuration);
        Section = ((IConfigurationBuilder)new ConfigurationBuilder()).Add(this).Build().GetSection(ProxyChecks.Section);
    }

    /// <summary>The section that YARP reads. It signals changes.</summary>
    public IConfigurationSection Section { get; }

    public IConfigurationProvider Build(IConfigurationBuilder builder) => this;

    public void Use(IConfiguration configuration)
    {
        Take(configuration);
        OnReload();
    }

    private void Take(IConfiguration configuration) =>
        Data = new Dictionary<string, string?>(configuration.GetSection(ProxyChecks.Section).AsEnumerable(),
            StringComparer.OrdinalIgnoreCase);
}
