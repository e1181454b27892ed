using System.Globalization;
using System.Net;

namespace DurableGateway.Configuration;

/// <summary>The options of the command line. Everything else on it is configuration.</summary>
internal sealed record StartOptions(string? Upstream, string? ConfigFile, string[] Rest)
{
    public const string Usage = """
        Durable Gateway needs to know what to stand in front of. Type one of these:

          gateway --upstream http://localhost:5000     one service, every route durable, embedded store
          gateway --config config/orders.json          YARP routes and clusters, named policies

        Options:

          --port 8080                   the port of the public listener
          --host 127.0.0.1              its address; all addresses where it is absent
          --upstream-host destination   sends the service the host of --upstream instead of the client's; original: the client's
          --Durable:Lease=00:00:05      any setting of the configuration, by its key
          --version, --help

        Beside it:

          gateway config check config/orders.json      every error of a file with its line; nothing is started
          gateway runs --help                          lists, shows and acts on the runs of a gateway
          gateway store check|salvage|key              checks, repairs an embedded store; prints its key; the gateway is stopped
          gateway healthcheck                          whether the gateway of this machine is alive; --ready, ready
        """;

    private const string PublicListener = "Durable:Listeners:Public";

    private static readonly string[] Names = ["upstream", "upstream-host", "config", "port", "host", "version", "help"];

    /// <summary>The sections that something reads.</summary>
    private static readonly string[] Sections = [SettingsBinder.Section, ProxyChecks.Section, "Logging", "Kestrel", "hostBuilder"];

    /// <summary>Keys and variables of .NET and OpenTelemetry that have no section.</summary>
    private static readonly string[] HostKeys = ["AllowedHosts", "environment", "contentRoot", "applicationName"];
    private static readonly string[] HostPrefixes = ["OTEL_", "DOTNET_", "ASPNETCORE_"];

    private UpstreamHost? _upstreamHost;

    public int? Port { get; private init; }
    public string? Host { get; private init; }

    /// <summary>
    /// What <c>--upstream-host</c> says. Without it a name that is reached by https is sent its own host: it is hosted somewhere.
    /// </summary>
    public UpstreamHost UpstreamHost => _upstreamHost
        ?? (Upstream is not null && new Uri(Upstream) is { Scheme: "https", HostNameType: UriHostNameType.Dns, IsLoopback: false }
            ? UpstreamHost.Destination
            : UpstreamHost.Original);

    /// <exception cref="ConfigurationException">An option is unknown, has no value, or none that makes sense.</exception>
    public static StartOptions Parse(string[] args)
    {
        string? upstream = null, upstreamHost = null, config = null, port = null, host = null;
        var rest = new List<string>();
        for (var i = 0; i < args.Length; i++)
        {
            if (Take(args, ref i, "--upstream") is { } url) upstream = url;
            else if (Take(args, ref i, "--upstream-host") is { } which) upstreamHost = which;
            else if (Take(args, ref i, "--config") is { } path) config = path;
            else if (Take(args, ref i, "--port") is { } number) port = number;
            else if (Take(args, ref i, "--host") is { } name) host = name;
            else rest.Add(args[i]);
        }

        RefuseUnknown(rest);
        if (upstream is not null && (!Uri.TryCreate(upstream, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https")))
            throw new ConfigurationException("--upstream", upstream, "is not an absolute URL; write for example http://localhost:5000");
        if (config is not null && !File.Exists(config))
            throw new ConfigurationException("--config", config, "is not a file; name a JSON file with ReverseProxy and Durable sections");
        if ((port ?? host) is not null
            && rest.Any(arg => arg.TrimStart('-', '/').StartsWith(PublicListener, StringComparison.OrdinalIgnoreCase)))
            throw new ConfigurationException(port is not null ? "--port" : "--host", port ?? host,
                $"and {PublicListener} say the same thing twice; leave one out");
        return new StartOptions(upstream, config is null ? null : Path.GetFullPath(config), [.. rest])
        {
            _upstreamHost = HostOf(upstreamHost, upstream),
            Port = port is null ? null : PortOf(port),
            Host = host is null ? null : AddressOf(host),
        };
    }

    /// <summary>What the options stand for in the configuration.</summary>
    public IEnumerable<KeyValuePair<string, string?>> Settings()
    {
        if ((Port, Host) is not (null, null))
            yield return new(PublicListener,
                string.Create(CultureInfo.InvariantCulture, $"http://{Host ?? "*"}:{Port ?? SettingsBinder.DefaultPublicPort}"));
        if (Upstream is null) yield break;
        yield return new("ReverseProxy:Routes:upstream:ClusterId", "upstream");
        yield return new("ReverseProxy:Routes:upstream:Match:Path", "{**path}");
        yield return new($"ReverseProxy:Routes:upstream:Metadata:{RouteChecks.PolicyMetadata}", PolicyBinder.DefaultName);
        yield return new("ReverseProxy:Clusters:upstream:Destinations:upstream:Address", Upstream);
        if (UpstreamHost == UpstreamHost.Destination)
            yield return new("ReverseProxy:Routes:upstream:Transforms:0:RequestHeaderOriginalHost", "false");
    }

    private static string? Take(string[] args, ref int i, string name)
    {
        if (args[i].StartsWith(name + "=", StringComparison.Ordinal)) return args[i][(name.Length + 1)..];
        if (args[i] != name) return null;
        return i + 1 < args.Length ? args[++i] : throw new ConfigurationException(name, null, "needs a value");
    }

    /// <summary>.NET takes any word for the key of a setting, and nobody would read it.</summary>
    private static void RefuseUnknown(List<string> args)
    {
        for (var i = 0; i < args.Count; i++)
        {
            var arg = args[i];
            var named = arg.StartsWith("--", StringComparison.Ordinal) ? arg[2..] : arg.StartsWith('/') ? arg[1..] : null;
            var equals = arg.IndexOf('=', StringComparison.Ordinal);
            if (named is null && equals < 0)
            {
                // The command line of .NET takes no note of a word at its place, and refuses a single dash by itself.
                if (arg.Length > 0 && arg[0] != '-')
                    throw new ConfigurationException("command line", arg, "is no command; gateway --help names them");
                continue;
            }

            var key = named is null ? arg[..equals] : named.Split('=')[0];
            if (!IsKnown(key)) throw new ConfigurationException("command line", named is null ? key : arg.Split('=')[0], Remedy(key));
            if (named is not null && equals < 0) i++;
        }
    }

    private static bool IsKnown(string key) => key.Contains(':', StringComparison.Ordinal)
        ? Sections.Contains(key.Split(':')[0], StringComparer.OrdinalIgnoreCase)
        : HostKeys.Contains(key, StringComparer.OrdinalIgnoreCase)
            || HostPrefixes.Any(prefix => key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase));

    private static string Remedy(string key) =>
        key.Contains(':', StringComparison.Ordinal)
            ? $"is no setting: {Meant(key.Split(':')[0], Sections, "")}the sections are {string.Join(", ", Sections)}"
            : key.Equals("urls", StringComparison.OrdinalIgnoreCase)
                ? "is no option; the listeners are set by --port and --host, or Durable:Listeners:Public and Durable:Listeners:Control"
                : $"is no option; {Meant(key, Names, "--")}gateway --help lists them";

    private static string Meant(string key, string[] names, string before) =>
        Spelling.Nearest(key, names) is { } meant ? $"did you mean {before}{meant}? " : "";

    private static UpstreamHost? HostOf(string? text, string? upstream)
    {
        if (text is null) return null;
        if (upstream is null) throw new ConfigurationException("--upstream-host", text,
            "is for --upstream; on a route of a file, set the transform RequestHeaderOriginalHost");
        return Enum.TryParse<UpstreamHost>(text, ignoreCase: true, out var host) && char.IsAsciiLetter(text[0])
            ? host
            : throw new ConfigurationException("--upstream-host", text,
                "is neither original (the client's Host) nor destination (that of --upstream)");
    }

    private static int PortOf(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= IPEndPoint.MaxPort
            ? port
            : throw new ConfigurationException("--port", text, "is not a port: a number from 0 (any that is free) to 65535");

    private static string AddressOf(string text) =>
        text is "*" or "localhost" ? text
        : !IPAddress.TryParse(text.Trim('[', ']'), out var address)
            ? throw new ConfigurationException("--host", text,
                "is not an address of this machine: write an IP address, localhost, or * for all")
        : address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();
}
