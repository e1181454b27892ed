namespace DurableGateway.Configuration;

/// <summary>
/// The routes and clusters in force, for YARP to read: those of the start, then those of each change that passed every check.
/// </summary>
internal sealed class RouteSource : ConfigurationProvider, IConfigurationSource
{
    public RouteSource(IConfiguration configuration)
    {
        Take(configuration);
        Section = ((IConfigurationBuilder)new ConfigurationBuilder()).Add(this).Build().GetSection(ProxyChecks.Section);
    }

    /// <summary>Signals a change.</summary>
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
