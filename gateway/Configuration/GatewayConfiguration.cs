namespace DurableGateway.Configuration;

/// <summary>Loads the configuration from its sources, of which later ones win, and checks it.</summary>
internal static class GatewayConfiguration
{
    public static WebApplicationBuilder CreateBuilder(StartOptions line)
    {
        // appsettings.json is next to the program, whatever the working directory is.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        var (sources, files) = (builder.Configuration, new ConfigurationFiles());

        // .NET's own switch (DOTNET_hostBuilder__reloadConfigOnChange), for machines with many hosts: each watch uses an inotify instance.
        var watchDefaults = sources.GetValue("hostBuilder:reloadConfigOnChange", true);
        sources.Sources.Clear();
        AddFiles(sources, files, line.ConfigFile, builder.Environment.EnvironmentName, watchDefaults, watchFile: true);
        AddEnvironmentAndLine(sources, line);
        files.BeginToRun();
        return builder;
    }

    /// <summary>
    /// Loads the configuration of a gateway with this command line, without a web host, for commands that a probe starts repeatedly.
    /// </summary>
    public static IConfiguration Load(StartOptions line)
    {
        var sources = new ConfigurationBuilder().SetBasePath(AppContext.BaseDirectory);
        AddFiles(sources, new ConfigurationFiles(), line.ConfigFile, EnvironmentName, watchDefaults: false, watchFile: false);
        AddEnvironmentAndLine(sources, line);
        return sources.Build();
    }

    /// <summary>Loads the configuration of a gateway that was started with <c>--config</c> and no other arguments.</summary>
    /// <exception cref="ConfigurationException">A file cannot be read.</exception>
    public static IConfiguration Load(string file, bool withEnvironment)
    {
        var sources = new ConfigurationBuilder().SetBasePath(AppContext.BaseDirectory);
        AddFiles(sources, new ConfigurationFiles(), file, withEnvironment ? EnvironmentName : Environments.Production,
            watchDefaults: false, watchFile: false);
        if (withEnvironment) sources.AddEnvironmentVariables();
        try
        {
            return sources.Build();
        }
        catch (InvalidDataException e)
        {
            throw new ConfigurationException("--config", file, ConfigurationFiles.Explain(e));
        }
    }

    /// <summary>Runs all checks: at the start, when a file changes, and in <c>gateway config check</c>.</summary>
    /// <exception cref="ConfigurationException">The configuration is invalid. The exception lists every error.</exception>
    public static GatewaySettings Read(IConfiguration configuration)
    {
        var errors = new List<ConfigurationError>();
        var settings = SettingsBinder.Bind(configuration, errors);
        ProxyChecks.Check(configuration.GetSection(ProxyChecks.Section), errors);
        errors.AddRange(LoggingChecks.Check(configuration.AsEnumerable()));
        return errors.Count == 0 ? settings : throw new ConfigurationException(errors);
    }

    public static bool HasRoutes(IConfiguration configuration) =>
        configuration.GetSection(ProxyChecks.Section).GetSection("Routes").GetChildren().Any();

    /// <summary>Throws if there are no routes. That is a mistake on the command line rather than in the configuration.</summary>
    public static void RequireRoutes(IConfiguration configuration)
    {
        if (!HasRoutes(configuration)) throw new NothingToProxyException();
    }

    private static string EnvironmentName =>
        Environment.GetEnvironmentVariable("ASPNETCORE_ENVIRONMENT") ?? Environment.GetEnvironmentVariable("DOTNET_ENVIRONMENT")
            ?? Environments.Production;

    private static void AddEnvironmentAndLine(IConfigurationBuilder sources, StartOptions line)
    {
        sources.AddEnvironmentVariables();
        sources.AddInMemoryCollection(line.Settings());
        try
        {
            sources.AddCommandLine(line.Rest);
        }
        catch (FormatException e)
        {
            throw new ConfigurationException("command line", string.Join(' ', line.Rest), $"is not understood: {e.Message}");
        }
    }

    private static void AddFiles(
        IConfigurationBuilder sources, ConfigurationFiles files, string? file, string environment, bool watchDefaults, bool watchFile)
    {
        Add("appsettings.json", optional: true, watchDefaults);
        Add($"appsettings.{environment}.json", optional: true, watchDefaults);
        if (file is not null) Add(file, optional: false, watchFile);

        void Add(string path, bool optional, bool watch)
        {
            try
            {
                files.Add(sources, path, optional, watch);
            }
            catch (InvalidDataException e)
            {
                throw new ConfigurationException(optional ? path : "--config", optional ? null : path, ConfigurationFiles.Explain(e));
            }
        }
    }
}
