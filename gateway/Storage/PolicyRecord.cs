using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>
/// The policy in the record of a run: JSON, without the members that have the value in <see cref="Omitted"/>. Every run has a policy, and
/// most policies change a few values. Runs of the same policy share one object of a node, and its record is written once.
/// </summary>
internal static class PolicyRecord
{
    /// <summary>
    /// The values that a record omits. They are part of the format of the store. They do not follow the defaults of the configuration,
    /// because a run keeps its policy when a new release changes a default. A member that a new release adds is never omitted.
    /// </summary>
    private const string Omitted = """
        {
          "Name": "default", "Persist": "OnFirstCheckpoint", "PersistAfter": "00:00:01", "HoldClientFor": "00:00:00",
          "AttemptTimeout": "00:01:40", "RunTimeout": "7.00:00:00", "Retention": "1.00:00:00", "MaxAttempts": 8,
          "UnreachableFor": "00:10:00", "RetryDelay": "00:00:01", "MaxRetryDelay": "00:05:00", "Backoff": "Exponential", "Jitter": true,
          "RetryStatuses": { "Text": "500, 502-504" }, "MaxRequestBytes": 4194304, "MaxResponseBytes": 16777216, "MaxStepBytes": 4194304,
          "OversizedRequests": "Proxy", "MaxSteps": 10000, "InlineStepBytes": 4096, "InlineHeaderBytes": 8192,
          "IdempotencyScope": "Authorization", "IdempotencyKeepsFailures": false, "SendIdempotencyKey": false, "AllowCancel": false,
          "ConcurrencyLimit": null, "ConcurrencyKey": "route", "RatePermits": null, "RateWindow": "00:00:01", "RateKey": "route",
          "Priority": null, "BindResultTo": null, "ResultUrl": "Auto", "CorsOrigins": "", "CorsCredentials": false,
          "Mismatch": "Continue", "PinToBuild": false
        }
        """;

    /// <summary>The maximum number of policies that a node keeps decoded. Reloads add policies, so the number is limited.</summary>
    private const int MaxDecoded = 256;

    private static readonly JsonObject OmittedMembers = JsonNode.Parse(Omitted)!.AsObject();
    private static readonly ConditionalWeakTable<RunPolicy, byte[]> Encoded = [];
    private static readonly ConcurrentDictionary<string, RunPolicy> Decoded = new(StringComparer.Ordinal);

    public static byte[] Encode(RunPolicy policy) => Encoded.GetValue(policy, Write);

    /// <exception cref="UnreadableRecordException">It is missing or damaged.</exception>
    public static RunPolicy Decode(byte[]? record)
    {
        try
        {
            var text = Encoding.UTF8.GetString(record!);
            if (Decoded.TryGetValue(text, out var known)) return known;
            var policy = Read(text);
            if (Decoded.Count < MaxDecoded) Decoded.TryAdd(text, policy);
            return policy;
        }
        catch (Exception e) when (e is JsonException or FormatException or ArgumentException or InvalidOperationException)
        {
            throw new UnreadableRecordException($"The policy of the run cannot be read: {e.Message}", e);
        }
    }

    private static byte[] Write(RunPolicy policy)
    {
        var members = JsonSerializer.SerializeToNode(policy, PolicyJson.Default.RunPolicy)!.AsObject();
        foreach (var (name, value) in OmittedMembers)
        {
            if (JsonNode.DeepEquals(members[name], value)) members.Remove(name);
        }

        return JsonSerializer.SerializeToUtf8Bytes(members, PolicyJson.Default.JsonObject);
    }

    private static RunPolicy Read(string text)
    {
        var members = JsonNode.Parse(text)?.AsObject() ?? throw new JsonException("There is none.");
        foreach (var (name, value) in OmittedMembers)
        {
            if (!members.ContainsKey(name)) members[name] = value?.DeepClone();
        }

        return members.Deserialize(PolicyJson.Default.RunPolicy)!;
    }
}
