using System.Collections.Immutable;
using System.Net;
using DurableGateway.Protocol;
using StackExchange.Redis;

namespace DurableGateway.Configuration;

/// <summary>Converts configuration keys to <see cref="GatewaySettings"/>, and collects all errors.</summary>
internal static class SettingsBinder
{
    public const string Section = "Durable";
    public const int DefaultPublicPort = 8080;
    public const string DefaultControl = "http://127.0.0.1:8081";

    private static readonly string[] Sections = [Section, ProxyChecks.Section];
    private const string DefaultEgress = "http://127.0.0.1:8082";

    /// <summary>RFC 1918, RFC 6598, RFC 3927, RFC 4193 and RFC 4291.</summary>
    private static readonly IPNetwork[] PrivateNetworks =
        [.. new[] { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10" }
            .Select(IPNetwork.Parse)];

    private static readonly TimeSpan Longest = TimeSpan.FromDays(3650);

    /// <exception cref="ConfigurationException">The configuration is invalid.</exception>
    public static GatewaySettings Bind(IConfiguration configuration)
    {
        var errors = new List<ConfigurationError>();
        var settings = Bind(configuration, errors);
        return errors.Count == 0 ? settings : throw new ConfigurationException(errors);
    }

    /// <summary>Adds the errors to a list. If there are any, do not use the settings.</summary>
    public static GatewaySettings Bind(IConfiguration configuration, List<ConfigurationError> errors)
    {
        RefuseMisspeltSections(configuration, errors);
        if (configuration.GetSection("Kestrel:Endpoints") is { } endpoints && endpoints.GetChildren().Any())
        {
            errors.Add(new ConfigurationError(endpoints.Path, null,
                "adds listeners that the gateway does not know, and services would get their address; set Durable:Listeners:Public "
                + "and Durable:Listeners:Control"));
        }

        var durable = new SettingsReader(configuration.GetSection(Section), errors);

        var listeners = durable.Section("Listeners");
        var publicAddress = Address(listeners, "Public", $"http://*:{DefaultPublicPort}");
        var controlAddress = Address(listeners, "Control", DefaultControl);
        var egressAddress = listeners.Text("Egress") is null ? null : Address(listeners, "Egress", DefaultEgress);
        listeners.RefuseUnknownKeys();
        if (egressAddress is not null) CheckEgress(listeners, egressAddress, publicAddress, controlAddress);
        var (advertisedEgress, forward) = EgressBinder.Bind(durable, hasListener: egressAddress is not null);
        if (publicAddress.Port == controlAddress.Port && publicAddress.Port != 0)
            listeners.Report("Control", controlAddress.ToString(),
                $"has the same port as Durable:Listeners:Public ({publicAddress}); choose different ports", false);

        var store = durable.Section("Store");
        var connectionString = store.Text("ConnectionString");
        if (connectionString is not null) CheckConnectionString(store, connectionString);
        var directory = Path.GetFullPath(store.Text("DataDirectory") ?? "data");
        var shards = store.Integer("Shards", 64, 1, 16_384);
        var minReplicas = store.Integer("MinReplicas", 0, 0, 5);
        if (minReplicas > 0 && connectionString is null)
            store.Report("MinReplicas", $"{minReplicas}",
                "needs a Redis with replicas (Durable:Store:ConnectionString); the embedded store has none", false);
        var maxStoreBytes = store.Bytes("MaxBytes", StoreLimits.Default, StoreLimits.Min, StoreLimits.Max);
        if (connectionString is not null && store.Text("MaxBytes") is { } unused)
            store.Report("MaxBytes", unused, "limits the embedded store, but Durable:Store:ConnectionString selects Redis; "
                + "limit Redis with maxmemory, and remove the key", false);
        store.RefuseUnknownKeys();

        var admin = durable.Section("Admin");
        var apiKeys = ApiKeys(admin, "ApiKeys");
        var readOnlyKeys = ApiKeys(admin, "ReadOnlyApiKeys");
        var (maskedHeaders, maskedPaths) = MaskBinder.Bind(admin);
        var oidc = Oidc(admin);
        var certificates = Certificates(admin, controlAddress);
        var searchHeaders = MaskBinder.HeaderNames(admin, "SearchHeaders");
        admin.RefuseUnknownKeys();
        if (readOnlyKeys.Intersect(apiKeys).Any())
            admin.Report("ReadOnlyApiKeys", "…", "contains a key of Durable:Admin:ApiKeys; use different keys for each role", false);

        var events = durable.Section("Events");
        var retention = events.Duration("Retention", TimeSpan.FromHours(1), TimeSpan.FromSeconds(1), Longest);
        var eventKeys = ApiKeys(events, "ApiKeys");
        if (eventKeys.Intersect([.. apiKeys, .. readOnlyKeys]).Any())
            events.Report("ApiKeys", "…", "contains a key of Durable:Admin; use different keys for each role", false);
        var maxEventBytes = events.Bytes("MaxBytes", 1 << 20, 1, 1L << 30);
        events.RefuseUnknownKeys();

        var results = durable.Section("Results");
        var resultWait = results.Duration("Wait", TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(1), GatewaySettings.MaxResultWait);
        results.RefuseUnknownKeys();

        var settings = new GatewaySettings
        {
            Public = publicAddress,
            Control = controlAddress,
            Egress = egressAddress,
            EgressAddress = advertisedEgress,
            Forward = forward,
            Limits = LimitsBinder.Bind(durable),
            TrustedProxies = TrustedProxies(durable),
            AdvertisedAddress = durable.Url("AdvertisedAddress"),
            SharedAddress = durable.Url("SharedAddress"),
            StoreConnectionString = connectionString,
            DataDirectory = directory,
            Shards = shards,
            MinReplicas = minReplicas,
            MaxStoreBytes = maxStoreBytes,
            Lease = durable.Duration("Lease", TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(200), TimeSpan.FromMinutes(10)),
            ShutdownTimeout = durable.Duration("ShutdownTimeout", TimeSpan.FromSeconds(30), TimeSpan.Zero, TimeSpan.FromHours(1)),
            Keys = Keys(durable),
            Policies = PolicyBinder.Bind(durable, errors),
            AdminApiKeys = apiKeys,
            ReadOnlyApiKeys = readOnlyKeys,
            EventApiKeys = eventKeys,
            AdminOidc = oidc,
            ClientCertificates = certificates,
            MaskedHeaders = maskedHeaders,
            SearchHeaders = searchHeaders,
            MaskedJsonPaths = maskedPaths,
            PublicBaseUrl = durable.Url("PublicBaseUrl"),
            EventRetention = retention,
            MaxEventBytes = maxEventBytes,
            ResultWait = resultWait,
            AccessLog = durable.Boolean("AccessLog", false),
            Notices = NoticesBinder.Bind(durable),
        };
        durable.RefuseUnknownKeys();
        if (!settings.NamesOperators && !IsLoopback(controlAddress))
            listeners.Report("Control", controlAddress.ToString(), "is reachable from other machines; set Durable:Admin:ApiKeys (or Oidc, "
                + "or ClientCertificates), or use a loopback address", false);
        var proxy = configuration.GetSection(ProxyChecks.Section);
        RouteChecks.Check(proxy, settings.Policies, hasEgress: egressAddress is not null, errors);
        ClusterChecks.Check(proxy, errors);
        return settings;
    }

    /// <summary>Reports sections with a name similar to a known one. Other unknown sections may belong to other components.</summary>
    private static void RefuseMisspeltSections(IConfiguration configuration, List<ConfigurationError> errors)
    {
        foreach (var section in configuration.GetChildren().Where(section => section.GetChildren().Any()))
        {
            if (section.Key.Equals(PolicyBinder.Section, StringComparison.OrdinalIgnoreCase))
                errors.Add(new ConfigurationError(section.Path, null,
                    $"is not a known section; move it into {Section}: {Section}:{PolicyBinder.Section}"));
            else if (Spelling.Nearest(section.Key, Sections) is { } meant && !meant.Equals(section.Key, StringComparison.OrdinalIgnoreCase))
                errors.Add(new ConfigurationError(section.Path, null, $"is not a known section; did you mean {meant}?"));
        }
    }

    private static OidcSettings? Oidc(SettingsReader admin)
    {
        var section = admin.Section("Oidc");
        var authority = section.Url("Authority");
        var audience = section.Text("Audience");
        var claim = section.Text("RoleClaim") ?? "roles";
        section.RefuseUnknownKeys();
        if (authority is null && audience is null) return null;
        if (authority is null || audience is null)
            return section.Report<OidcSettings?>(authority is null ? "Authority" : "Audience", null,
                "is missing; set both Authority and Audience", null);
        if (new Uri(authority) is { Scheme: "http", IsLoopback: false })
            return section.Report<OidcSettings?>("Authority", authority,
                "is not https, so an attacker in the network could supply other keys; write an https:// URL", null);
        return new OidcSettings(authority, audience, claim);
    }

    private static ClientCertificateSettings? Certificates(SettingsReader admin, BindingAddress control)
    {
        var section = admin.Section("ClientCertificates");
        var authority = section.Text("Authority");
        var operators = ApiKeys(section, "Operators");
        var readers = ApiKeys(section, "Readers");
        var required = section.Boolean("Required", false);
        section.RefuseUnknownKeys();
        if (authority is null)
        {
            return operators.Length + readers.Length == 0 && !required ? null
                : section.Report<ClientCertificateSettings?>("Authority", null,
                    "is missing; name the PEM file of the authorities whose certificates are accepted", null);
        }

        if (operators.Length + readers.Length == 0 && !required)
            section.Report("Authority", authority, "has no effect; set Operators, Readers or Required", false);
        if (control.Scheme != "https")
            section.Report("Authority", authority,
                $"needs TLS, but Durable:Listeners:Control is {control}; write an https:// address", false);
        return new ClientCertificateSettings(Path.GetFullPath(authority), operators, readers, required);
    }

    private static ImmutableArray<string> ApiKeys(SettingsReader section, string key) =>
        [.. section.Children(key).Select(child => child.Value).OfType<string>().Where(value => value.Length > 0)];

    private static BindingAddress Address(SettingsReader listeners, string key, string fallback)
    {
        var text = listeners.Text(key) ?? fallback;
        const string Remedy = "is not a listener; write http://host:port, for example http://127.0.0.1:8081 or http://*:8080";
        try
        {
            var address = BindingAddress.Parse(text);
            if (address.Scheme is "http" or "https" && address.PathBase.Length == 0 && !address.IsUnixPipe
                && address.Port is >= 0 and <= 65535)
                return address;
        }
        catch (FormatException)
        {
            // Reported below, like every other invalid address.
        }

        return listeners.Report(key, text, Remedy, BindingAddress.Parse(fallback));
    }

    /// <summary>Whoever reaches the egress listener reaches the destinations of its routes.</summary>
    private static void CheckEgress(SettingsReader listeners, BindingAddress egress, BindingAddress open, BindingAddress control)
    {
        var taken = egress.Port == 0 ? null : egress.Port == open.Port ? "Public" : egress.Port == control.Port ? "Control" : null;
        if (taken is not null)
            listeners.Report("Egress", egress.ToString(), $"has the same port as Durable:Listeners:{taken}; choose different ports", false);
        if (IPAddress.TryParse(egress.Host.Trim('[', ']'), out var ip) && !IsPrivate(ip))
            listeners.Report("Egress", egress.ToString(), "is a public address, so anyone could call the destinations of its routes; "
                + "use a loopback address or one of a private network", false);
    }

    private static bool IsPrivate(IPAddress ip) => IPAddress.IsLoopback(ip) || ip.Equals(IPAddress.Any) || ip.Equals(IPAddress.IPv6Any)
        || PrivateNetworks.Any(network => network.Contains(ip.IsIPv4MappedToIPv6 ? ip.MapToIPv4() : ip));

    private static bool IsLoopback(BindingAddress address) =>
        address.Host is "localhost" || (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));

    private static void CheckConnectionString(SettingsReader store, string text)
    {
        try
        {
            var servers = ConfigurationOptions.Parse(text).EndPoints;
            var wrong = servers.OfType<DnsEndPoint>().FirstOrDefault(server => Uri.CheckHostName(server.Host) == UriHostNameType.Unknown);
            if (wrong is not null)
            {
                store.Report("ConnectionString", Redact(text),
                    $"contains '{wrong.Host}', which is not a host; write host:port, for example redis:6379", false);
                return;
            }

            if (servers.Count > 0) return;
            store.Report("ConnectionString", Redact(text), "names no server; write host:port, for example redis:6379", false);
        }
        catch (ArgumentException e)
        {
            store.Report("ConnectionString", Redact(text),
                $"is malformed ({e.Message}); write host:port[,option=value…], for example redis:6379,ssl=true", false);
        }
    }

    /// <summary>
    /// Removes the values of options from a connection string, because any of them may be a password, even under a misspelled name.
    /// </summary>
    private static string Redact(string connectionString) => string.Join(',', connectionString.Split(',').Select(part =>
        part.IndexOf('=', StringComparison.Ordinal) is var at and >= 0 ? part[..at] + "=…" : part));

    private static ImmutableArray<byte[]> Keys(SettingsReader durable)
    {
        var keys = ImmutableArray.CreateBuilder<byte[]>();
        foreach (var child in durable.Children("Keys"))
        {
            var bytes = new byte[KeyRing.KeyBytes];
            if (Convert.TryFromBase64String(child.Value ?? "", bytes, out var length) && length == KeyRing.KeyBytes) keys.Add(bytes);
            else durable.Report($"Keys:{child.Key}", "…", "is not base64 of 32 bytes; create one with: openssl rand -base64 32", false);
        }

        return keys.ToImmutable();
    }

    private static ImmutableArray<IPNetwork> TrustedProxies(SettingsReader durable)
    {
        var networks = ImmutableArray.CreateBuilder<IPNetwork>();
        foreach (var child in durable.Children("TrustedProxies"))
        {
            var text = child.Value?.Trim();
            if (IPAddress.TryParse(text, out var address)) networks.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            else if (IPNetwork.TryParse(text, out var network)) networks.Add(network);
            else durable.Report($"TrustedProxies:{child.Key}", text,
                "is neither an IP address nor a network; write for example 10.0.0.7, 10.0.0.0/8 or fd00::/8", false);
        }

        return networks.ToImmutable();
    }
}
