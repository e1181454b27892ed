namespace DurableGateway.Configuration;

/// <summary>Where configuration comes from (later sources win), and whether it can be used.</summary>
internal static class GatewayConfiguration
{
    public static WebApplicationBuilder CreateBuilder(StartOptions line)
    {
        // appsettings.json lies beside the program, wherever it is started from.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        var (sources, files) = (builder.Configuration, new ConfigurationFiles());

        // .NET's own switch (DOTNET_hostBuilder__reloadConfigOnChange), for many hosts on one machine:
        // each watch costs an inotify instance.
        var watchDefaults = sources.GetValue("hostBuilder:reloadConfigOnChange", true);
        sources.Sources.Clear();
        AddFiles(sources, files, line.ConfigFile, builder.Environment.EnvironmentName, watchDefaults, watchFile: true);
        AddEnvironmentAndLine(sources, line);
        files.BeginToRun();
        return builder;
    }

    /// <summary>
    /// What a gateway with this command line reads, without a web host: for commands that a probe starts again and again.
    /// </summary>
    public static IConfiguration Load(StartOptions line)
    {
        var sources = new ConfigurationBuilder().SetBasePath(AppContext.BaseDirectory);
        AddFiles(sources, new ConfigurationFiles(), line.ConfigFile, EnvironmentName, watchDefaults: false, watchFile: false);
        AddEnvironmentAndLine(sources, line);
        return sources.Build();
    }

    /// <summary>What a gateway that was started with <c>--config</c> would read, with no command line.</summary>
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

    /// <summary>All that is checked at the start, when a file has changed, and by <c>gateway config check</c>.</summary>
    /// <exception cref="ConfigurationException">Anything is wrong; every error is listed.</exception>
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

    /// <summary>A gateway in front of nothing is a mistake at the keyboard, not a configuration.</summary>
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
