using System.Globalization;
using System.Net;

namespace DurableGateway.Configuration;

/// <summary>The options of the command line. Everything else on it is configuration.</summary>
internal sealed record StartOptions(string? Upstream, string? ConfigFile, string[] Rest)
{
    public const string Usage = """
        Durable Gateway needs a service or a configuration. Run one of these commands:

          gateway --upstream http://localhost:5000     one service, every route durable, embedded store
          gateway --config config/orders.json          YARP routes and clusters, named policies

        Options:

          --port 8080                   the port of the public listener
          --host 127.0.0.1              the address of the public listener; all addresses by default
          --upstream-host destination   the Host that the service gets: that of --upstream; original: the client's
          --Durable:Lease=00:00:05      any configuration setting, by its key
          --version, --help

        Other commands:

          gateway config check config/orders.json      lists every error of a file with its line, and starts nothing
          gateway runs --help                          lists, shows and acts on the runs of a gateway
          gateway store check|salvage|key              checks or repairs the embedded store of a stopped gateway, or prints its key
          gateway healthcheck                          checks whether the gateway on this machine is alive; --ready: whether it is ready
        """;

    private const string PublicListener = "Durable:Listeners:Public";

    private static readonly string[] Names = ["upstream", "upstream-host", "config", "port", "host", "version", "help"];

    /// <summary>The known sections.</summary>
    private static readonly string[] Sections = [SettingsBinder.Section, ProxyChecks.Section, "Logging", "Kestrel", "hostBuilder"];

    /// <summary>Keys and variables of .NET and OpenTelemetry that have no section.</summary>
    private static readonly string[] HostKeys = ["AllowedHosts", "environment", "contentRoot", "applicationName"];
    private static readonly string[] HostPrefixes = ["OTEL_", "DOTNET_", "ASPNETCORE_"];

    private UpstreamHost? _upstreamHost;

    public int? Port { get; private init; }
    public string? Host { get; private init; }

    /// <summary>
    /// The value of <c>--upstream-host</c>. By default, a service at a host name with https gets its own host, because it is probably
    /// hosted, and any other service gets the client's.
    /// </summary>
    public UpstreamHost UpstreamHost => _upstreamHost
        ?? (Upstream is not null && new Uri(Upstream) is { Scheme: "https", HostNameType: UriHostNameType.Dns, IsLoopback: false }
            ? UpstreamHost.Destination
            : UpstreamHost.Original);

    /// <exception cref="ConfigurationException">An option is unknown, has no value, or has an invalid one.</exception>
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
                $"and {PublicListener} set the same address; remove one");
        return new StartOptions(upstream, config is null ? null : Path.GetFullPath(config), [.. rest])
        {
            _upstreamHost = HostOf(upstreamHost, upstream),
            Port = port is null ? null : PortOf(port),
            Host = host is null ? null : AddressOf(host),
        };
    }

    /// <summary>The configuration settings that correspond to the options.</summary>
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

    /// <summary>Refuses unknown arguments. .NET accepts any argument as the key of a setting, which nothing would read.</summary>
    private static void RefuseUnknown(List<string> args)
    {
        for (var i = 0; i < args.Count; i++)
        {
            var arg = args[i];
            var named = arg.StartsWith("--", StringComparison.Ordinal) ? arg[2..] : arg.StartsWith('/') ? arg[1..] : null;
            var equals = arg.IndexOf('=', StringComparison.Ordinal);
            if (named is null && equals < 0)
            {
                // .NET ignores positional arguments, and refuses a single dash itself.
                if (arg.Length > 0 && arg[0] != '-')
                    throw new ConfigurationException("command line", arg, "is not a command; gateway --help lists them");
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
            ? $"is not a setting; {Meant(key.Split(':')[0], Sections, "")}the sections are {string.Join(", ", Sections)}"
            : key.Equals("urls", StringComparison.OrdinalIgnoreCase)
                ? "is not an option; set the listeners with --port and --host, or Durable:Listeners:Public and Durable:Listeners:Control"
                : $"is not an option; {Meant(key, Names, "--")}gateway --help lists them";

    private static string Meant(string key, string[] names, string before) =>
        Spelling.Nearest(key, names) is { } meant ? $"did you mean {before}{meant}? " : "";

    private static UpstreamHost? HostOf(string? text, string? upstream)
    {
        if (text is null) return null;
        if (upstream is null) throw new ConfigurationException("--upstream-host", text,
            "needs --upstream; for a route in a file, set the transform RequestHeaderOriginalHost");
        return Enum.TryParse<UpstreamHost>(text, ignoreCase: true, out var host) && char.IsAsciiLetter(text[0])
            ? host
            : throw new ConfigurationException("--upstream-host", text,
                "is neither original (the client's Host) nor destination (that of --upstream)");
    }

    private static int PortOf(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= IPEndPoint.MaxPort
            ? port
            : throw new ConfigurationException("--port", text, "is not a port; write a number from 0 (any free port) to 65535");

    private static string AddressOf(string text) =>
        text is "*" or "localhost" ? text
        : !IPAddress.TryParse(text.Trim('[', ']'), out var address)
            ? throw new ConfigurationException("--host", text,
                "is not an address of this machine; write an IP address, localhost, or * for all")
        : address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();
}
