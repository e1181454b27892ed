using System.Collections.Immutable;
using DurableGateway.Runs;

namespace DurableGateway.Configuration;

/// <summary>Reads <c>Durable:Policies</c>. A key that a policy does not set has the value of the policy <c>default</c>.</summary>
internal static class PolicyBinder
{
    public const string Section = "Policies";
    public const string DefaultName = "default";
    public const string DisableName = "disable";

    private static readonly TimeSpan Longest = TimeSpan.FromDays(3650);
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);
    private const long Largest = 1L << 30;
    private const string AnyOrigin = "*";

    public static ImmutableDictionary<string, RunPolicy> Bind(SettingsReader durable, List<ConfigurationError> errors)
    {
        var sections = durable.Children(Section).ToArray();
        var policies = ImmutableDictionary.CreateBuilder<string, RunPolicy>(StringComparer.OrdinalIgnoreCase);
        var basis = new RunPolicy();
        if (sections.FirstOrDefault(section => Is(section, DefaultName)) is { } root) basis = Read(root, basis, errors);
        policies[DefaultName] = basis;
        foreach (var section in sections.Where(section => !Is(section, DefaultName)))
        {
            if (Is(section, DisableName))
                errors.Add(new ConfigurationError(section.Path, null,
                    "is a reserved name, for routes that are plain YARP; choose another name"));
            else
                policies[section.Key] = Read(section, basis with { Name = section.Key }, errors);
        }

        return policies.ToImmutable();
    }

    private static RunPolicy Read(IConfigurationSection section, RunPolicy basis, List<ConfigurationError> errors)
    {
        var reader = new SettingsReader(section, errors);
        var retry = reader.Section("Retry");
        var policy = basis with
        {
            Persist = reader.Choice("Persist", basis.Persist),
            PersistAfter = reader.Duration("PersistAfter", basis.PersistAfter, TimeSpan.FromMilliseconds(50), Longest),
            HoldClientFor = reader.Duration("HoldClientFor", basis.HoldClientFor, TimeSpan.Zero, TimeSpan.FromMinutes(10)),
            AttemptTimeout = reader.Duration("AttemptTimeout", basis.AttemptTimeout, Shortest, TimeSpan.FromDays(1)),
            RunTimeout = reader.Duration("RunTimeout", basis.RunTimeout, Shortest, Longest),
            Retention = reader.Duration("Retention", basis.Retention, TimeSpan.FromSeconds(1), Longest),
            MaxAttempts = retry.Integer("MaxAttempts", basis.MaxAttempts, 1, 1_000_000),
            UnreachableFor = retry.Duration("UnreachableFor", basis.UnreachableFor, TimeSpan.Zero, Longest),
            RetryDelay = retry.Duration("Delay", basis.RetryDelay, TimeSpan.Zero, Longest),
            MaxRetryDelay = retry.Duration("MaxDelay", basis.MaxRetryDelay, TimeSpan.Zero, Longest),
            Backoff = retry.Choice("Backoff", basis.Backoff),
            Jitter = retry.Boolean("Jitter", basis.Jitter),
            RetryStatuses = new StatusRanges(retry.Text("Statuses", basis.RetryStatuses.Text, StatusRanges.IsValid,
                "is not a list of status codes and ranges between 400 and 599, for example 500, 502-504")),
            MaxRequestBytes = reader.Bytes("MaxRequestBytes", basis.MaxRequestBytes, 0, Largest),
            MaxResponseBytes = reader.Bytes("MaxResponseBytes", basis.MaxResponseBytes, 0, Largest),
            MaxStepBytes = reader.Bytes("MaxStepBytes", basis.MaxStepBytes, 0, Largest),
            OversizedRequests = reader.Choice("OversizedRequests", basis.OversizedRequests),
            MaxSteps = reader.Integer("MaxSteps", basis.MaxSteps, 1, 1_000_000),
            InlineStepBytes = (int)reader.Bytes("InlineStepBytes", basis.InlineStepBytes, 0, 1 << 20),
            InlineHeaderBytes = (int)reader.Bytes("InlineHeaderBytes",
                basis.InlineHeaderBytes ?? RunPolicy.DefaultInlineHeaderBytes, 0, 1 << 20),
            IdempotencyScope = reader.Text("IdempotencyScope", basis.IdempotencyScope, IsToken, "is not the name of a header"),
            IdempotencyKeepsFailures = reader.Boolean("IdempotencyKeepsFailures", basis.IdempotencyKeepsFailures),
            AllowCancel = reader.Boolean("AllowCancel", basis.AllowCancel),
            ResultUrl = reader.Choice("ResultUrl", basis.ResultUrl),
            Mismatch = reader.Choice("Mismatch", basis.Mismatch),
            PinToBuild = reader.Boolean("PinToBuild", basis.PinToBuild),
            SendIdempotencyKey = reader.Boolean("SendIdempotencyKey", basis.SendIdempotencyKey),
        };
        var concurrency = reader.Section("Concurrency");
        var rate = reader.Section("RateLimit");
        var cors = reader.Section("Cors");
        const string KeyRemedy = "is not a flow control key; write route, header:<name> or query:<name>";
        policy = policy with
        {
            ConcurrencyLimit = concurrency.OptionalInteger("Limit", basis.ConcurrencyLimit, 1, 1_000_000),
            ConcurrencyKey = concurrency.Text("Key", basis.ConcurrencyKey, FlowKey.IsValid, KeyRemedy),
            RatePermits = rate.OptionalInteger("Permits", basis.RatePermits, 1, 1_000_000),
            RateWindow = rate.Duration("Window", basis.RateWindow, Shortest, TimeSpan.FromDays(1)),
            RateKey = rate.Text("Key", basis.RateKey, FlowKey.IsValid, KeyRemedy),
            Priority = reader.Text("Priority", basis.Priority, FlowKey.IsHeader, "is not a header; write header:<name>"),
            BindResultTo = reader.Text("BindResultTo", basis.BindResultTo, FlowKey.IsHeader,
                "is not a header; write header:<name>, for example header:Authorization"),
            CorsOrigins = cors.List("Origins") is { } origins ? Origins(cors, origins) : basis.CorsOrigins,
            CorsCredentials = cors.Boolean("Credentials", basis.CorsCredentials),
        };
        if (policy is { CorsOrigins: AnyOrigin, CorsCredentials: true })
            cors.Report("Credentials", "true",
                "with Cors:Origins * allows every site to act as its visitors; list the origins, or remove the key", false);
        cors.RefuseUnknownKeys();
        concurrency.RefuseUnknownKeys();
        rate.RefuseUnknownKeys();
        retry.RefuseUnknownKeys();
        reader.RefuseUnknownKeys();
        return policy;
    }

    /// <summary>Normalizes origins to the form that browsers send, so that they can be compared.</summary>
    private static string Origins(SettingsReader cors, IReadOnlyList<(string Key, string Value)> given)
    {
        var origins = new List<string>();
        foreach (var (key, value) in given)
        {
            if (value == AnyOrigin && given.Count == 1) return AnyOrigin;
            if (Uri.TryCreate(value, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
                && url is { PathAndQuery: "/", UserInfo: "", Fragment: "" } && !value.EndsWith('/'))
                origins.Add(url.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped).ToLowerInvariant());
            else
                cors.Report(key, value, "is not an origin; write scheme and host, for example https://app.example.com, or * alone for any",
                    false);
        }

        return string.Join(',', origins);
    }

    private static bool Is(IConfigurationSection section, string name) => section.Key.Equals(name, StringComparison.OrdinalIgnoreCase);

    private static bool IsToken(string text) =>
        text.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal));
}
