using System.Text.Json;
using System.Text.Json.Nodes;
using DurableGateway.Configuration;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Primitives;
using NJsonSchema;

namespace DurableGateway.Tests.Configuration;

/// <summary>The schema that editors read says what the code reads, no more and no less.</summary>
[Trait("Category", "Unit")]
public sealed class SchemaTests
{
    private const string SpanOfYarp = @"^\d*?\.?\d\d:\d\d:\d\d\.?\d{0,7}$";

    private static readonly JsonDocumentOptions Loose = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
    private static readonly string Directory = Path.Combine(AppContext.BaseDirectory, "config");
    private static readonly string Text = File.ReadAllText(Path.Combine(Directory, "durable-gateway.schema.json"));
    private static readonly Task<JsonSchema> Schema = JsonSchema.FromJsonAsync(Text);

    [Fact]
    public void KeysOfTheSchema_AreThoseOfTheCode()
    {
        var asked = new SortedSet<string>(StringComparer.Ordinal);
        SettingsBinder.Bind(new AskedConfiguration("", asked), []);
        Assert.Equal(asked.Where(key => key.StartsWith("Durable:", StringComparison.Ordinal)),
            Leaves().Select(leaf => leaf.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void DefaultsOfTheSchema_AreThoseOfTheCode()
    {
        var stated = Leaves().Where(leaf => leaf.Schema["default"] is not null)
            .Select(leaf => KeyValuePair.Create(leaf.Key, (string?)leaf.Schema["default"]!.ToString())).ToArray();
        Assert.True(stated.Length > 30);
        var (said, unsaid) = (Bind(stated), Bind([new("Durable:Policies:any:Persist", null)]));
        Assert.Equal(unsaid.ToString(), said.ToString());
        Assert.Equal(unsaid.Policies["any"].ToString(), said.Policies["any"].ToString());
    }

    [Fact]
    public void SectionOfYarp_IsYarpsOwn_ButForOurMetadata()
    {
        var yarp = JsonNode.Parse(File.ReadAllText(Path.Combine(Directory, "yarp.schema.json")))!["properties"]!["ReverseProxy"]!;
        var ours = JsonNode.Parse(Text)!["properties"]!["ReverseProxy"]!;
        var (route, cluster) = (Any(ours["properties"]!["Routes"]!), Any(ours["properties"]!["Clusters"]!));
        foreach (var part in new[] { route, cluster, Any(cluster["properties"]!["Destinations"]!) })
        {
            var metadata = part["properties"]!["Metadata"]!.AsObject();
            Assert.All(metadata["properties"]!.AsObject(),
                property => Assert.StartsWith("Durable.", property.Key, StringComparison.Ordinal));
            Assert.True(metadata.Remove("properties") && metadata.Remove("patternProperties"));
        }

        // Where we are stricter than YARP: what it would take for something else than was meant.
        var (match, destination) = (route["properties"]!["Match"]!["properties"]!,
            Any(cluster["properties"]!["Destinations"]!)["properties"]!);
        Assert.True(match["Path"]!.AsObject().Remove("pattern") && destination["Address"]!.AsObject().Remove("pattern"));
        Assert.True(cluster.AsObject().Remove("required") && cluster["properties"]!["Destinations"]!.AsObject().Remove("minProperties"));
        var span = JsonNode.Parse(Text)!["definitions"]!["span"]!["pattern"]!.GetValue<string>();
        yarp = JsonNode.Parse(yarp.ToJsonString().Replace(JsonValue.Create(SpanOfYarp).ToJsonString(),
            JsonValue.Create(span).ToJsonString(), StringComparison.Ordinal))!;
        Assert.True(JsonNode.DeepEquals(yarp, ours), "Take over what has changed in ConfigurationSchema.json of YARP's package.");

        static JsonNode Any(JsonNode named) => named["patternProperties"]!["."]!;
    }

    /// <summary>What YARP's package says of its keys, and what its types do.</summary>
    [Fact]
    public void KeysOfYarpsSchema_AreKnown()
    {
        var keys = Keys(JsonNode.Parse(File.ReadAllText(Path.Combine(Directory, "yarp.schema.json")))!["properties"]!["ReverseProxy"]!,
            "ReverseProxy").ToArray();
        Assert.True(keys.Length > 50);
        var errors = new List<ConfigurationError>();
        ProxyKeys.Check(new ConfigurationBuilder().AddInMemoryCollection(keys.Select(key => KeyValuePair.Create(key, (string?)"x"))).Build()
            .GetSection("ReverseProxy"), errors);
        Assert.Empty(errors);

        static IEnumerable<string> Keys(JsonNode schema, string path) =>
            schema["properties"] is JsonObject { Count: > 0 } named
            ? named.SelectMany(property => Keys(property.Value!, $"{path}:{property.Key}"))
            : schema["patternProperties"]?["."] is { } any ? Keys(any, $"{path}:any")
            : schema["items"] is { } item ? Keys(item, $"{path}:0")
            : [path];
    }

    [Theory]
    [InlineData("config/orders.json")]
    [InlineData("config/legacy-api.json")]
    [InlineData("config/internet.json")]
    [InlineData("config/compose/gateway.json")]
    [InlineData("appsettings.json")]
    public async Task Sample_IsValid(string file)
    {
        var sample = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, file)), documentOptions: Loose)!;
        Assert.Empty((await Schema).Validate(sample.ToJsonString()));
        if (!file.StartsWith("config", StringComparison.Ordinal)) return;
        var schema = sample["$schema"]!.GetValue<string>();
        Assert.True(File.Exists(Path.Combine(AppContext.BaseDirectory, Path.GetDirectoryName(file)!, schema)),
            $"{file} names {schema}, which is not there.");
    }

    /// <summary>Of each key a value that is right and one that is wrong: schema and code are of one mind.</summary>
    [Theory]
    [InlineData("Durable:Listeners:Public", "http://*:8080", "8080")]
    [InlineData("Durable:TrustedProxies:0", "10.0.0.0/8", "proxy.internal")]
    [InlineData("Durable:TrustedProxies:0", "::1", "")]
    [InlineData("Durable:Limits:MaxRequestBodySize", "8 MiB", "8 MB")]
    [InlineData("Durable:Limits:MaxRequestHeaderCount", 100, 9)]
    [InlineData("Durable:Limits:KeepAliveTimeout", "00:01:15", "75")]
    [InlineData("Durable:Limits:MinResponseDataRate", 240, -1)]
    [InlineData("Durable:Limits:MaxConcurrentConnections", 1, 0)]
    [InlineData("Durable:Limits:MaxStreamsPerConnection", 10000, 10001)]
    [InlineData("Durable:Limits:MaxResponseHeadersTotalSize", "64 KiB", "64 KB")]
    [InlineData("Durable:Policies:orders:InlineHeaderBytes", "16 KiB", "16 kB")]
    [InlineData("Durable:AdvertisedAddress", "http://node-1:8081", "node-1:8081")]
    [InlineData("Durable:PublicBaseUrl", "https://api.example.com/base", "/base")]
    [InlineData("Durable:Store:Shards", 16, 0)]
    [InlineData("Durable:Store:MaxBytes", "512 MiB", "half")]
    [InlineData("Durable:Lease", "00:00:05", "soon")]
    [InlineData("Durable:Leese", null, "00:00:05")]
    [InlineData("Durable:Keys:0", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "short")]
    [InlineData("Durable:Admin:Mask:Headers:0", "X-Api-Key", "X Api Key")]
    [InlineData("Durable:Admin:Mask:JsonPaths:0", "items.*.number", "items..number")]
    [InlineData("Durable:Admin:ApiKey", null, "secret")]
    [InlineData("Durable:Events:MaxBytes", "64 KiB", "64 k")]
    [InlineData("Durable:Results:Wait", "00:00:08", "8 s")]
    [InlineData("Durable:Egress:Forward", null, "Some")]
    [InlineData("Durable:Egress:Deny:0", null, "internal")]
    [InlineData("Durable:Egress:TunnelPorts:0", null, 0)]
    [InlineData("Durable:Egress:MaxTunnels", null, -1)]
    [InlineData("Durable:Egress:TunnelIdleTimeout", null, "soon")]
    [InlineData("ReverseProxy:Clusters:d:Destinations:e:Address", "https://*/", "http://*:80")]
    [InlineData("Durable:Policies:disable:Persist", null, "OnStart")]
    [InlineData("Durable:Policies:orders:Persist", "OnStart", "Sometimes")]
    [InlineData("Durable:Policies:orders:AttemptTimeout", "00:10", "10:60:00")]
    [InlineData("Durable:Policies:orders:RunTimeout", "7.00:00:00", "-00:00:01")]
    [InlineData("Durable:Policies:orders:Retry:MaxAttempts", 1, 0)]
    [InlineData("Durable:Policies:orders:Retry:MaxAttempt", null, 1)]
    [InlineData("Durable:Policies:orders:Retry:Backoff", "Linear", "Cubic")]
    [InlineData("Durable:Policies:orders:Retry:Jitter", false, "yes")]
    [InlineData("Durable:Policies:orders:Retry:Statuses", "429, 500-599", "5xx")]
    [InlineData("Durable:Policies:orders:Retry:Statuses", "503", "200")]
    [InlineData("Durable:Policies:orders:MaxRequestBytes", 1000, "1.5 MiB")]
    [InlineData("Durable:Policies:orders:OversizedRequests", "Refuse", "Drop")]
    [InlineData("Durable:Policies:orders:IdempotencyScope", "X-Tenant", "not a header")]
    [InlineData("Durable:Policies:orders:Concurrency:Key", "header:X-Tenant", "tenant")]
    [InlineData("Durable:Policies:orders:RateLimit:Permits", 10, "many")]
    [InlineData("Durable:Policies:orders:Priority", "header:Priority", "Priority")]
    [InlineData("ReverseProxy:Routes:r:Metadata:Durable.Policy", "disable", null)]
    [InlineData("ReverseProxy:Routes:r:Metadata:Durable.Polcy", null, "default")]
    [InlineData("ReverseProxy:Routes:r:Metadata:Own", "anything", null)]
    [InlineData("ReverseProxy:Routes:r:Order", 1, "first")]
    [InlineData("ReverseProxy:Clusters:c:Metadata:Durable.MaxReplays", "64", "0")]
    [InlineData("ReverseProxy:Clusters:c:HttpRequest:ActivityTimeout", "00:05:00", "soon")]
    [InlineData("ReverseProxy:Clusters:c:HttpRequest:VersionPolicy", "RequestVersionExact", "Exactly")]
    [InlineData("ReverseProxy:Clusters:c:Destinations:d:Metadata:Durable.Bild", null, "1")]
    [InlineData("Durable:Policies:orders:Retention", "2.00:00:00", "48:00:00")]
    [InlineData("Durable:Policies:orders:Retention", "23:59:59.5", "24:00:00")]
    [InlineData("Durable:Policies:orders:HoldClientFor", "0:5", "00:00:00:05")]
    [InlineData("Durable:Policies:orders:Retry:Delay", "1:2:3", "5:61:00")]
    [InlineData("Durable:Policies:orders:Retry:Statuses", "502,503,504", new[] { "502", "503" })]
    [InlineData("Durable:Policies:orders:Retry:MaxAttempts", 3, new[] { "3" })]
    [InlineData("Durable:Policies:orders:HoldClientFor", "00:00:01", new[] { "00:00:01" })]
    [InlineData("Durable:Policies:orders:Persist", "OnStart", new[] { "OnStart" })]
    [InlineData("Durable:Policies:orders:MaxRequestBytes", "1mib", new[] { "1" })]
    [InlineData("Durable:Policies:orders:Concurrency:Key", "query:tenant", new[] { "route" })]
    [InlineData("Durable:Store:ConnectionString", "redis:6379", new[] { "redis:6379" })]
    [InlineData("ReverseProxy:Clusters:c:HttpRequest:ActivityTimeout", "1.00:00:00", "48:00:00")]
    [InlineData("ReverseProxy:Clusters:c:HealthCheck:Active:Interval", "00:00:10", "24:00:00")]
    [InlineData("ReverseProxy:Routes:r:Metadata:Durable:Policy", null, "default")]
    [InlineData("ReverseProxy:Clusters:c:Metadata:Durable:MaxReplays", null, "64")]
    [InlineData("ReverseProxy:Clusters:c:Destinations:d:Metadata:Durable:Build", null, "1")]
    [InlineData("ReverseProxy:Routes:r:Match:Path", "/orders/{**rest}", "/orders/*")]
    [InlineData("ReverseProxy:Routes:r:Match:Path", "/orders/{id:int}/{*rest}", "*")]
    [InlineData("ReverseProxy:Routes:r:Match:Path", "/a/{id:regex(^\\d{{2}}$)}", "/orders*")]
    [InlineData("ReverseProxy:Clusters:d:Destinations:e:Address", "https://host.example/base/", "http://host/?tenant=1")]
    [InlineData("ReverseProxy:Clusters:d:Destinations:e:Address", "HTTP://[::1]:80", "http://host/#top")]
    [InlineData("ReverseProxy:Clusters:d:Destinations:e:Address", null, "http://user:word@host/")]
    [InlineData("ReverseProxy:Clusters:d:Destinations", null, null, true)]
    public async Task SchemaAndCode_Agree(string key, object? right, object? wrong, bool isEmptyWrong = false)
    {
        var schema = await Schema;
        if (right is not null)
        {
            Assert.Empty(schema.Validate(Sample(key, right).ToJsonString()));
            Assert.Empty(Errors(Sample(key, right)));
        }

        if (isEmptyWrong)
        {
            var empty = Sample(key + ":x", "");
            ((JsonObject)empty["ReverseProxy"]!["Clusters"]!["d"]!["Destinations"]!).Clear();
            Assert.NotEmpty(schema.Validate(empty.ToJsonString()));
            Assert.NotEmpty(Errors(empty));
        }

        if (wrong is not null)
        {
            Assert.NotEmpty(schema.Validate(Sample(key, wrong).ToJsonString()));
            Assert.NotEmpty(Errors(Sample(key, wrong)));
        }
    }

    /// <summary>A file that is right, and then has the value at the key.</summary>
    private static JsonNode Sample(string key, object value)
    {
        var root = JsonNode.Parse("""
            {
              "Durable": {},
              "ReverseProxy": {
                "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/{**rest}" } } },
                "Clusters": { "c": { "Destinations": { "d": { "Address": "http://localhost:5000" } } } }
              }
            }
            """)!;
        var parts = key.Split(':');
        var node = root;
        for (var i = 0; i < parts.Length - 1; i++)
        {
            var isList = parts[i + 1] == "0";
            node = node[parts[i]] ??= isList ? new JsonArray() : new JsonObject();
        }

        if (node is JsonArray list) list.Add(JsonSerializer.SerializeToNode(value));
        else node[parts[^1]] = JsonSerializer.SerializeToNode(value);
        return root;
    }

    private static IReadOnlyList<ConfigurationError> Errors(JsonNode sample)
    {
        try
        {
            GatewayConfiguration.Read(new ConfigurationBuilder()
                .AddJsonStream(new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(sample))).Build());
            return [];
        }
        catch (ConfigurationException e)
        {
            return e.Errors;
        }
    }

    private static GatewaySettings Bind(IEnumerable<KeyValuePair<string, string?>> settings) =>
        SettingsBinder.Bind(new ConfigurationBuilder().AddInMemoryCollection(settings).Build());

    /// <summary>Every key under <c>Durable</c>; a policy's are those of one named "any".</summary>
    private static IEnumerable<(string Key, JsonNode Schema)> Leaves()
    {
        var root = JsonNode.Parse(Text)!;
        return Below("Durable", root["properties"]!["Durable"]!);

        IEnumerable<(string, JsonNode)> Below(string path, JsonNode schema)
        {
            if (path == "Durable:Policies") return Below(path + ":any", root["definitions"]!["policy"]!);
            return schema["properties"] is JsonObject properties
                ? properties.SelectMany(property => Below($"{path}:{property.Key}",
                    property.Value!).Prepend(($"{path}:{property.Key}", property.Value!))).Distinct()
                : [];
        }
    }

    /// <summary>An empty configuration with one policy, which remembers what it was asked for.</summary>
    private sealed class AskedConfiguration(string path, SortedSet<string> asked) : IConfigurationSection
    {
        public string Key => ConfigurationPath.GetSectionKey(path);
        public string Path => path;
        public string? Value { get; set; }

        public string? this[string key]
        {
            get
            {
                asked.Add(Below(key));
                return null;
            }
            set => throw new NotSupportedException();
        }

        public IConfigurationSection GetSection(string key) => new AskedConfiguration(Below(key), asked);

        public IEnumerable<IConfigurationSection> GetChildren() => path == "Durable:Policies" ? [GetSection("any")] : [];

        public IChangeToken GetReloadToken() => NullChangeToken.Singleton;

        private string Below(string key) => path.Length == 0 ? key : ConfigurationPath.Combine(path, key);
    }
}
