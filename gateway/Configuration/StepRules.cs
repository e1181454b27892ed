using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using DurableGateway.Runs;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Configuration;

/// <summary>How the calls of services on a route become steps: the metadata <c>Durable.Step</c> and those with its prefix.</summary>
internal sealed record StepRules
{
    public const string StepMetadata = "Durable.Step";
    public const string DriftMetadata = "Durable.Step.Drift";
    public const string IgnoreMetadata = "Durable.Step.Ignore";
    public const string MethodsMetadata = "Durable.Step.Methods";
    public const string RetryStatusesMetadata = "Durable.Step.RetryStatuses";
    public const string OnceMetadata = "Durable.Step.Once";
    public const string RetryMetadata = "Durable.Step.Retry";

    private const string QueryPrefix = "query:";
    private const string FormPrefix = "form:";
    private const string JsonPrefix = "$.";
    private const string Remember = "Remember";
    private const string Pass = "Pass";

    private static readonly ConditionalWeakTable<RouteModel, Holder> ByRoute = [];

    /// <summary>The statuses that ask for a repetition and are never an outcome.</summary>
    private static readonly int[] NeverRemembered = [408, 425, 429];

    public static readonly string[] Metadata =
        [StepMetadata, DriftMetadata, IgnoreMetadata, MethodsMetadata, RetryStatusesMetadata, OnceMetadata, RetryMetadata];

    /// <summary>Whether calls become steps at all. Otherwise the route only forwards.</summary>
    public bool Remembers { get; private init; }

    /// <summary><see langword="null"/> for the default, which depends on the method.</summary>
    public StepDrift? Drift { get; private init; }

    public ImmutableArray<string> IgnoredQuery { get; private init; } = [];
    public ImmutableArray<string> IgnoredForm { get; private init; } = [];

    /// <summary>Paths of JSON members, each split at its dots. <c>*</c> stands for every member or item.</summary>
    public ImmutableArray<string[]> IgnoredJson { get; private init; } = [];

    /// <summary>Empty for all methods.</summary>
    public ImmutableArray<string> Methods { get; private init; } = [];

    public StatusRanges RetryStatuses { get; private init; } = StatusRanges.Default;

    /// <summary>Whether a call whose fate is unknown is not made again.</summary>
    public bool Once { get; private init; }

    /// <summary>How often a call is made before the service sees its failure; <see langword="null"/> for once.</summary>
    public StepRetry? Retry { get; private init; }

    /// <summary>The rules of a route of the egress listener; <see langword="null"/> for a route of the public listener.</summary>
    public static StepRules? For(RouteModel route) =>
        ByRoute.GetValue(route, static route => new Holder(Read(route.Config.Metadata ?? ImmutableDictionary<string, string>.Empty,
            static (_, _) => { }))).Rules;

    /// <summary>Whether only the egress listener serves the endpoint.</summary>
    public static bool AreOn(Endpoint endpoint) => endpoint.Metadata.GetMetadata<RouteModel>() is { } route && For(route) is not null;

    /// <param name="metadata">The metadata of the route.</param>
    /// <param name="refuse">Called with the key and the fault of each invalid value.</param>
    /// <returns><see langword="null"/> if it is no route of the egress listener.</returns>
    public static StepRules? Read(IReadOnlyDictionary<string, string> metadata, Action<string, string> refuse)
    {
        if (Value(metadata, StepMetadata) is not { } step)
        {
            foreach (var key in Metadata.Where(key => Value(metadata, key) is not null))
                refuse(key, $"has no effect without {StepMetadata}");
            return null;
        }

        if (!Is(step, Remember) && !Is(step, Pass)) refuse(StepMetadata, $"is neither {Remember} nor {Pass}");
        var ignored = List(metadata, IgnoreMetadata);
        if (ignored.FirstOrDefault(item => !IsIgnorable(item)) is { } wrong)
        {
            refuse(IgnoreMetadata, $"has '{wrong}', which is none of {JsonPrefix}<member>, {FormPrefix}<field> and "
                + $"{QueryPrefix}<parameter>; separate several with commas");
        }

        var methods = List(metadata, MethodsMetadata);
        if (methods.FirstOrDefault(method => !method.All(char.IsAsciiLetter)) is { } noMethod)
            refuse(MethodsMetadata, $"has '{noMethod}', which is not a method; separate several with commas");
        return new StepRules
        {
            Remembers = !Is(step, Pass),
            Drift = DriftOf(metadata, refuse),
            IgnoredQuery = Part(ignored, QueryPrefix),
            IgnoredForm = Part(ignored, FormPrefix),
            IgnoredJson = [.. Part(ignored, JsonPrefix).Select(path => path.Split('.'))],
            Methods = methods,
            RetryStatuses = StatusesOf(metadata, refuse),
            Once = OnceOf(metadata, refuse),
            Retry = Value(metadata, RetryMetadata) is { } retry
                ? StepRetry.Parse(retry, fault => refuse(RetryMetadata, fault))
                : null,
        };
    }

    public StepDrift DriftFor(string method) => Drift ?? (IsSafe(method) ? StepDrift.Execute : StepDrift.Fail);

    public bool Includes(string method) =>
        Remembers && (Methods.IsEmpty || Methods.Contains(method, StringComparer.OrdinalIgnoreCase));

    /// <summary>Whether a response with this status is an outcome.</summary>
    public bool IsOutcome(int status) => !NeverRemembered.Contains(status) && !RetryStatuses.Contains(status);

    public static bool IsSafe(string method) =>
        HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method) || HttpMethods.IsTrace(method);

    private static StepDrift? DriftOf(IReadOnlyDictionary<string, string> metadata, Action<string, string> refuse)
    {
        if (Value(metadata, DriftMetadata) is not { } text) return null;
        if (Enum.TryParse<StepDrift>(text, ignoreCase: true, out var drift) && text.All(char.IsAsciiLetter)) return drift;
        refuse(DriftMetadata, $"is none of {string.Join(", ", Enum.GetNames<StepDrift>())}");
        return null;
    }

    private static StatusRanges StatusesOf(IReadOnlyDictionary<string, string> metadata, Action<string, string> refuse)
    {
        if (Value(metadata, RetryStatusesMetadata) is not { } text) return StatusRanges.Default;
        if (StatusRanges.IsValid(text)) return new StatusRanges(text);
        refuse(RetryStatusesMetadata, "is not a list of status codes and ranges between 400 and 599, for example 500, 502-504");
        return StatusRanges.Default;
    }

    private static bool OnceOf(IReadOnlyDictionary<string, string> metadata, Action<string, string> refuse)
    {
        if (Value(metadata, OnceMetadata) is not { } text) return false;
        if (bool.TryParse(text, out var once)) return once;
        refuse(OnceMetadata, "is neither true nor false");
        return false;
    }

    private static bool IsIgnorable(string item) =>
        new[] { JsonPrefix, FormPrefix, QueryPrefix }
            .Any(prefix => item.Length > prefix.Length && item.StartsWith(prefix, StringComparison.Ordinal))
        && !item.Split('.').Contains("");

    private static ImmutableArray<string> Part(ImmutableArray<string> items, string prefix) =>
        [.. items.Where(item => item.StartsWith(prefix, StringComparison.Ordinal)).Select(item => item[prefix.Length..])];

    private static ImmutableArray<string> List(IReadOnlyDictionary<string, string> metadata, string key) =>
        [.. (Value(metadata, key) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];

    private static string? Value(IReadOnlyDictionary<string, string> metadata, string key) =>
        metadata.FirstOrDefault(item => item.Key.Equals(key, StringComparison.OrdinalIgnoreCase)).Value?.Trim();

    private static bool Is(string text, string value) => text.Equals(value, StringComparison.OrdinalIgnoreCase);

    private sealed record Holder(StepRules? Rules);
}
