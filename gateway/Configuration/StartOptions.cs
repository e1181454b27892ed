namespace DurableGateway.Configuration;

/// <summary>The two ways to start: <c>--upstream &lt;url&gt;</c> and <c>--config &lt;path&gt;</c>. Everything else is configuration.</summary>
internal sealed record StartOptions(string? Upstream, string? ConfigFile, string[] Rest)
{
    public const string Usage = """
        Durable Gateway needs to know what to stand in front of. Type one of these:

          gateway --upstream http://localhost:5000     one service, every route durable, embedded store
          gateway --config config/orders.json          YARP routes and clusters, named policies

        Beside it:

          gateway config check config/orders.json      every error of a file with its line; nothing is started
          gateway runs --help                          lists, shows, retries and cancels the runs of a gateway
          gateway healthcheck                          whether the gateway of this machine is alive; --ready, ready
        """;

    /// <exception cref="ConfigurationException">An option has no value, or none that makes sense.</exception>
    public static StartOptions Parse(string[] args)
    {
        string? upstream = null, config = null;
        var rest = new List<string>();
        for (var i = 0; i < args.Length; i++)
        {
            if (Take(args, ref i, "--upstream") is { } url) upstream = url;
            else if (Take(args, ref i, "--config") is { } path) config = path;
            else rest.Add(args[i]);
        }

        // The command line of .NET takes no note of it.
        if (rest is [var first, ..] && first.Length > 0 && first[0] is not ('-' or '/') && !first.Contains('=', StringComparison.Ordinal))
            throw new ConfigurationException("command line", first, "is no command; gateway --help names them");

        if (upstream is not null && (!Uri.TryCreate(upstream, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https")))
            throw new ConfigurationException("--upstream", upstream, "is not an absolute URL; write for example http://localhost:5000");
        if (config is not null && !File.Exists(config))
            throw new ConfigurationException("--config", config, "is not a file; name a JSON file with ReverseProxy and Durable sections");
        return new StartOptions(upstream, config is null ? null : Path.GetFullPath(config), [.. rest]);
    }

    private static string? Take(string[] args, ref int i, string name)
    {
        if (args[i].StartsWith(name + "=", StringComparison.Ordinal)) return args[i][(name.Length + 1)..];
        if (args[i] != name) return null;
        return i + 1 < args.Length ? args[++i] : throw new ConfigurationException(name, null, "needs a value");
    }

    /// <summary>The routes that <c>--upstream</c> stands for.</summary>
    public IEnumerable<KeyValuePair<string, string?>> UpstreamRoutes() =>
    [
        new("ReverseProxy:Routes:upstream:ClusterId", "upstream"),
        new("ReverseProxy:Routes:upstream:Match:Path", "{**path}"),
        new($"ReverseProxy:Routes:upstream:Metadata:{RouteChecks.PolicyMetadata}", PolicyBinder.DefaultName),
        new("ReverseProxy:Clusters:upstream:Destinations:upstream:Address", Upstream),
    ];
}
