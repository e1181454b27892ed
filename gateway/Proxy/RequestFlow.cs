using System.Globalization;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Proxy;

/// <summary>
/// Applies the limits of a request's policy: which concurrency limit it has to pass, and when it may start at the earliest.
/// </summary>
internal sealed class RequestFlow(
    IFlowStore store, FlowControl control, IdempotencyKeyStore keys, TimeProvider time, ILogger<RequestFlow> log)
{
    /// <summary>Takes the turn of a new request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="attempt">Its first attempt.</param>
    /// <param name="limit">The concurrency limit that it has to pass, or <see langword="null"/>.</param>
    /// <param name="keyHash">The hash of its idempotency key; <see langword="null"/> without one.</param>
    /// <exception cref="IdempotencyKeyTakenException">The key belongs to another run. A repeated request does not take a turn.</exception>
    /// <exception cref="StoreUnavailableException">The store is unavailable, and the key cannot be looked up.</exception>
    public async Task<Turn> TakeTurnAsync(HttpRequest request, Attempt attempt, ConcurrencyLimit? limit, string? keyHash)
    {
        await ThrowIfTakenAsync(keyHash);
        try
        {
            var start = await StartAsync(request, attempt.Policy, attempt.Route, attempt.Run);
            if (start > time.GetUtcNow()) return new Turn(null, start, null);
            if (limit is null) return default;
            var (permit, askAgain) = await control.EnterAsync(limit, attempt.Run, attempt.Policy.Lifetime);
            return permit is null ? new Turn(null, askAgain, limit) : new Turn(permit, null, null);
        }
        catch (StoreUnavailableException e)
        {
            // An unavailable store must not make services unavailable. Requests that cannot be counted are sent.
            log.FlowControlUnavailable(e.Message);
            return default;
        }
    }

    /// <summary>Stores a request that has to wait for its turn, and adds it to its concurrency limit's queue.</summary>
    /// <param name="attempt">Its first attempt.</param>
    /// <param name="turn">Its turn.</param>
    /// <param name="store">Stores the request; returns <see langword="false"/> if it cannot be stored.</param>
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

    /// <exception cref="IdempotencyKeyTakenException">The key belongs to another run.</exception>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    public async Task ThrowIfTakenAsync(string? keyHash)
    {
        if (keyHash is not null && await keys.FindAsync(keyHash) is { } taken) throw new IdempotencyKeyTakenException(taken);
    }

    public static bool IsLimited(RunPolicy policy) => policy.ConcurrencyLimit is not null || policy.RatePermits is not null;

    /// <returns>The concurrency limit, or <see langword="null"/> if the policy has none.</returns>
    public ConcurrencyLimit? LimitOf(HttpRequest request, RunPolicy policy, string route) =>
        policy.ConcurrencyLimit is null
            ? null
            : ConcurrencyLimit.For(policy, ScopeOf(request, policy.ConcurrencyKey, route), Urgency(request, policy), time.GetUtcNow());

    /// <summary>Reserves a time at which the run may start; <see langword="null"/> if the policy has no rate limit.</summary>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    public async Task<DateTimeOffset?> StartAsync(HttpRequest request, RunPolicy policy, string route, RunId run) =>
        policy.RatePermits is { } permits
            ? await store.ReserveAsync(RateOf(request, policy, route), run, permits, policy.RateWindow)
            : null;

    /// <summary>
    /// Releases the reservation of a request that did not become a run, because its idempotency key belongs to another one.
    /// </summary>
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

    /// <summary>The urgency, as RFC 9218 §4.1 writes it or as a plain number.</summary>
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
