using System.Globalization;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Telemetry;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Proxy;

/// <summary>What a request's policy says of its turn: which gate it has to pass, and when it may start at the earliest.</summary>
internal sealed class RequestFlow(FlowStore store, FlowControl control, TimeProvider time, ILogger<RequestFlow> log)
{
    /// <summary>The turn of a request that has just come: its permit, or when its run is due where it has to wait.</summary>
    public async Task<(FlowControl.Permit? Permit, DateTimeOffset? Due)> TakeTurnAsync(HttpRequest request, Attempt attempt, Gate? gate)
    {
        try
        {
            var start = await StartAsync(request, attempt.Policy, attempt.Route, attempt.Run);
            if (start > time.GetUtcNow()) return (null, start);
            if (gate is null) return (null, null);
            var (permit, askAgain) = await control.EnterAsync(gate, attempt.Run, attempt.Policy.Lifetime);
            return (permit, permit is null ? askAgain : null);
        }
        catch (StoreUnavailableException e)
        {
            // A store that is away takes no service away with it: what cannot be counted is let through.
            log.GateAway(e.Message);
            return (null, null);
        }
    }

    public static bool IsLimited(RunPolicy policy) => policy.ConcurrencyLimit is not null || policy.RatePermits is not null;

    /// <returns><see langword="null"/> where any number may be in.</returns>
    public Gate? GateOf(HttpRequest request, RunPolicy policy, string route) =>
        policy.ConcurrencyLimit is null ? null : Gate.For(policy, ScopeOf(request, policy.ConcurrencyKey, route), Urgency(request, policy), time.GetUtcNow());

    /// <summary>When the run may start; with no limit that is now. The time is kept for it.</summary>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task<DateTimeOffset> StartAsync(HttpRequest request, RunPolicy policy, string route, RunId run) => policy.RatePermits is { } permits
        ? await store.ReserveAsync(Topic.Hash("rate", policy.Name.ToUpperInvariant(), policy.RateKey, ScopeOf(request, policy.RateKey, route)), run, permits, policy.RateWindow)
        : time.GetUtcNow();

    private static string ScopeOf(HttpRequest request, string key, string route) =>
        FlowKey.HeaderOf(key) is { } header ? request.Headers[header].ToString()
        : FlowKey.QueryOf(key) is { } query ? request.Query[query].ToString()
        : route.ToUpperInvariant();

    /// <summary>The urgency of RFC 9218 (§4.1), or a bare number.</summary>
    private static int Urgency(HttpRequest request, RunPolicy policy)
    {
        if (FlowKey.HeaderOf(policy.Priority) is not { } header) return Gate.DefaultUrgency;
        foreach (var member in request.Headers[header].ToString().Split(',', StringSplitOptions.TrimEntries))
        {
            var value = member.StartsWith("u=", StringComparison.Ordinal) ? member[2..].Split(';')[0] : member;
            if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var urgency) && urgency <= 7) return urgency;
        }

        return Gate.DefaultUrgency;
    }
}
