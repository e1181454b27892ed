using System.Globalization;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Proxy;

/// <summary>What a request's policy says of its turn: which gate it has to pass, and when it may start at the earliest.</summary>
internal sealed class RequestFlow(
    IFlowStore store, FlowControl control, IdempotencyKeyStore keys, TimeProvider time, ILogger<RequestFlow> log)
{
    /// <summary>The turn of a request that has just come.</summary>
    /// <param name="request">The request.</param>
    /// <param name="attempt">Its first attempt.</param>
    /// <param name="gate">The gate that it has to pass.</param>
    /// <param name="keyHash">The hash of its idempotency key; <see langword="null"/> without one.</param>
    /// <exception cref="IdempotencyKeyTakenException">The key stands for another run: a request that is repeated takes no turn.</exception>
    /// <exception cref="StoreUnavailableException">The store is away, and the key cannot be looked up.</exception>
    public async Task<Turn> TakeTurnAsync(HttpRequest request, Attempt attempt, ConcurrencyLimit? gate, string? keyHash)
    {
        await ThrowIfTakenAsync(keyHash);
        try
        {
            var start = await StartAsync(request, attempt.Policy, attempt.Route, attempt.Run);
            if (start > time.GetUtcNow()) return new Turn(null, start, null);
            if (gate is null) return default;
            var (permit, askAgain) = await control.EnterAsync(gate, attempt.Run, attempt.Policy.Lifetime);
            return permit is null ? new Turn(null, askAgain, gate) : new Turn(permit, null, null);
        }
        catch (StoreUnavailableException e)
        {
            // A store that is away takes no service away with it: what cannot be counted is let through.
            log.FlowControlUnavailable(e.Message);
            return default;
        }
    }

    /// <summary>Stores a request that has to wait for its turn, and tells its gate.</summary>
    /// <param name="attempt">Its first attempt.</param>
    /// <param name="turn">Its turn.</param>
    /// <param name="store">Stores it; <see langword="false"/> where it cannot be.</param>
    public async Task<bool> StoreAsync(Attempt attempt, Turn turn, Func<Task<bool>> store)
    {
        try
        {
            return await store();
        }
        finally
        {
            if (turn.ConcurrencyLimit is { } limit)
                await control.QueuedAsync(limit, attempt.Run, attempt.Policy.Lifetime, attempt.MayBeStored);
        }
    }

    /// <exception cref="IdempotencyKeyTakenException">The key stands for another run.</exception>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task ThrowIfTakenAsync(string? keyHash)
    {
        if (keyHash is not null && await keys.FindAsync(keyHash) is { } taken) throw new IdempotencyKeyTakenException(taken);
    }

    public static bool IsLimited(RunPolicy policy) => policy.ConcurrencyLimit is not null || policy.RatePermits is not null;

    /// <returns><see langword="null"/> where any number may be in.</returns>
    public ConcurrencyLimit? LimitOf(HttpRequest request, RunPolicy policy, string route) =>
        policy.ConcurrencyLimit is null
            ? null
            : ConcurrencyLimit.For(policy, ScopeOf(request, policy.ConcurrencyKey, route), Urgency(request, policy), time.GetUtcNow());

    /// <summary>When the run may start; <see langword="null"/> where nothing limits that. The time is kept for it.</summary>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task<DateTimeOffset?> StartAsync(HttpRequest request, RunPolicy policy, string route, RunId run) =>
        policy.RatePermits is { } permits
            ? await store.ReserveAsync(RateOf(request, policy, route), run, permits, policy.RateWindow)
            : null;

    /// <summary>A request that took a turn has not become a run: another one with its idempotency key was first.</summary>
    public async Task GiveBackAsync(HttpRequest request, RunPolicy policy, string route, RunId run)
    {
        if (policy.RatePermits is null) return;
        try
        {
            await store.GiveBackAsync(RateOf(request, policy, route), run);
        }
        catch (StoreUnavailableException e)
        {
            log.FlowControlUnavailable(e.Message);
        }
    }

    private static string RateOf(HttpRequest request, RunPolicy policy, string route) =>
        Topic.Hash("rate", policy.Name.ToUpperInvariant(), policy.RateKey, ScopeOf(request, policy.RateKey, route));

    private static string ScopeOf(HttpRequest request, string key, string route) =>
        FlowKey.HeaderOf(key) is { } header ? request.Headers[header].ToString()
        : FlowKey.QueryOf(key) is { } query ? request.Query[query].ToString()
        : route.ToUpperInvariant();

    /// <summary>The urgency of RFC 9218 (§4.1), or a bare number.</summary>
    private static int Urgency(HttpRequest request, RunPolicy policy)
    {
        if (FlowKey.HeaderOf(policy.Priority) is not { } header) return ConcurrencyLimit.DefaultUrgency;
        foreach (var member in request.Headers[header].ToString().Split(',', StringSplitOptions.TrimEntries))
        {
            var value = member.StartsWith("u=", StringComparison.Ordinal) ? member[2..].Split(';')[0] : member;
            if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var urgency) && urgency <= 7) return urgency;
        }

        return ConcurrencyLimit.DefaultUrgency;
    }
}
