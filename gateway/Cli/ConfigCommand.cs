using System.CommandLine;
using DurableGateway.Configuration;

namespace DurableGateway.Cli;

/// <summary><c>gateway config check &lt;file&gt;</c>: reports the errors that a gateway reports if it starts with the file.</summary>
internal static class ConfigCommand
{
    public const string Name = "config";

    /// <returns>The exit status: 0 if the file is valid, 2 if the file or the command line is invalid.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter? output = null, TextWriter? error = null)
    {
        output ??= Console.Out;
        error ??= Console.Error;
        var parsed = Build(output, error).Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var wrong in parsed.Errors) await error.WriteLineAsync(wrong.Message);
            await error.WriteLineAsync("For help, run: gateway config --help");
            return 2;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration
        {
            Output = output,
            Error = error,
            EnableDefaultExceptionHandler = false,
        });
    }

    private static RootCommand Build(TextWriter output, TextWriter error)
    {
        var file = new Argument<string>("file") { Description = "The JSON configuration file, as passed to --config." };
        var environment = new Option<bool>("--environment")
        {
            Description = "Also reads environment variables, as the gateway does. Use it if they provide some of the settings."
        };
        var check = new Command("check",
            "Prints each error of a file with its line. The exit status is 2 if there is an error.") { file, environment };
        check.SetAction(async parsed => await CheckAsync(parsed.GetValue(file)!, parsed.GetValue(environment), output, error));
        return new RootCommand { new Command(Name, "Checks configuration files.") { check } };
    }

    private static async Task<int> CheckAsync(string file, bool withEnvironment, TextWriter output, TextWriter error)
    {
        string text;
        try
        {
            text = await File.ReadAllTextAsync(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync($"{file}: {e.Message}");
            return 2;
        }

        var (positions, errors) = JsonPositions.Read(text);
        if (errors.Count == 0)
        {
            try
            {
                var configuration = GatewayConfiguration.Load(Path.GetFullPath(file), withEnvironment);
                var settings = GatewayConfiguration.Read(configuration);
                if (GatewayConfiguration.HasRoutes(configuration))
                {
                    await output.WriteLineAsync($"{file}: {Summary(configuration, settings)}");
                    return 0;
                }

                errors = Place([new ConfigurationError("ReverseProxy:Routes", null,
                    "has no route; a gateway needs at least one route")]);
            }
            catch (ConfigurationException e)
            {
                errors = Place(e.Errors);
            }
        }

        foreach (var (at, wrong) in errors.OrderBy(each => each.At.Line).ThenBy(each => each.At.Column))
            await output.WriteLineAsync($"{file}:{at}: {wrong}");
        return 2;

        (JsonPositions.Position, ConfigurationError)[] Place(IEnumerable<ConfigurationError> wrong) =>
            [.. wrong.Select(each => (positions.Find(each.Key), each))];
    }

    private static string Summary(IConfiguration configuration, GatewaySettings settings)
    {
        var routes = configuration.GetSection("ReverseProxy:Routes").GetChildren().ToArray();
        var durable = routes.Count(route =>
            route[$"Metadata:{RouteChecks.PolicyMetadata}"] is { } policy && settings.Policies.ContainsKey(policy));
        var clusters = configuration.GetSection("ReverseProxy:Clusters").GetChildren().Count();
        return $"no errors; {Count(routes.Length, "route")} ({durable} durable), {Count(clusters, "cluster")}, "
            + $"policies {string.Join(", ", settings.Policies.Keys.Order())}";
    }

    private static string Count(int number, string thing) => number == 1 ? $"1 {thing}" : $"{number} {thing}s";
}
