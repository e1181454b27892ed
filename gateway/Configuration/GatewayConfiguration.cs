using Microsoft.AspNetCore.Builder;

namespace DurableGateway.Configuration;

/// <summary>Where configuration comes from: later sources win.</summary>
internal static class GatewayConfiguration
{
    public static WebApplicationBuilder CreateBuilder(StartOptions line)
    {
        // appsettings.json lies beside the program, wherever it is started from.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        var sources = builder.Configuration;
        try
        {
            // .NET's own setting, for where the system has too few watchers of files. The file that is named is watched all the same.
            var watch = sources.GetValue("hostBuilder:reloadConfigOnChange", defaultValue: true);
            sources.Sources.Clear();
            sources.AddJsonFile("appsettings.json", optional: true, reloadOnChange: watch);
            sources.AddJsonFile($"appsettings.{builder.Environment.EnvironmentName}.json", optional: true, reloadOnChange: watch);
            if (line.ConfigFile is { } file) sources.AddJsonFile(file, optional: false, reloadOnChange: true);
            sources.AddEnvironmentVariables();
            if (line.Upstream is not null) sources.AddInMemoryCollection(line.UpstreamRoutes());
            sources.AddCommandLine(line.Rest);
        }
        catch (InvalidDataException e)
        {
            throw new ConfigurationException("--config", line.ConfigFile, $"is not valid JSON: {e.InnerException?.Message ?? e.Message}");
        }
        catch (FormatException e)
        {
            throw new ConfigurationException("command line", string.Join(' ', line.Rest), $"is not understood: {e.Message}");
        }

        return builder;
    }

    /// <summary>A gateway in front of nothing is a mistake at the keyboard, not a configuration.</summary>
    public static void RequireRoutes(IConfiguration configuration)
    {
        if (!configuration.GetSection("ReverseProxy:Routes").GetChildren().Any()) throw new NothingToProxyException();
    }
}

/// <summary>Neither <c>--upstream</c> nor <c>--config</c>, and no routes.</summary>
internal sealed class NothingToProxyException() : Exception(StartOptions.Usage);
