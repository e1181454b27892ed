using System.Collections.Concurrent;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// Enforces the concurrency and rate limits of policies across all nodes, and renews the permits of runs on this node. A run without a
/// place is parked. When a place becomes free, the next run becomes due. If that signal is lost, the run is due at its own due time.
/// </summary>
internal sealed class FlowControl(
    IFlowStore store, IRunSignals signals, EngineSettings settings, TimeProvider time, ILogger<FlowControl> log) : BackgroundService
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan PerPlace = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan MaxWait = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<Permit, byte> _permits = new();

    /// <summary>The permits of the runs on this node.</summary>
    public int InFlight => _permits.Count;

    /// <returns>The permit, which the caller disposes after the attempt; or the latest time to ask again.</returns>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    public async Task<(Permit? Permit, DateTimeOffset AskAgain)> EnterAsync(ConcurrencyLimit limit, RunId run, TimeSpan lifetime)
    {
        var now = time.GetUtcNow();
        var permit = new Permit(this, limit, run);
        var answer = await store.EnterAsync(limit, run, permit.Name, now + settings.Lease, lifetime);
        if (answer.Woken.Count > 0) await WakeAsync(limit, answer.Woken);
        if (!answer.IsIn)
        {
            // The run is woken when it gets a place. This time applies if no node is left to wake it.
            var wait = (settings.Lease * 2) + (PerPlace * answer.Before);
            return (null, now + (wait < MaxWait ? wait : MaxWait));
        }

        _permits.TryAdd(permit, 0);
        return (permit, default);
    }

    /// <summary>
    /// Updates the place of a run that got no place before it was stored, after it was stored or dropped. If its turn came in between, no
    /// node could make it due, and the next run got its place.
    /// </summary>
    public async Task QueuedAsync(ConcurrencyLimit limit, RunId run, TimeSpan lifetime, bool isStored)
    {
        try
        {
            if (!isStored)
            {
                await WakeAsync(limit, await store.LeaveAsync(limit, run, permit: ""));
                return;
            }

            var answer = await store.EnterAsync(limit, run, permit: "", time.GetUtcNow() + settings.Lease, lifetime);
            await WakeAsync(limit, answer.IsIn ? [run, .. answer.Woken] : answer.Woken);
        }
        catch (StoreUnavailableException e)
        {
            // The run's own due time remains.
            log.FlowControlUnavailable(e.Message);
        }
    }

    /// <summary>Postpones a due run that got no place, unless it has got one since.</summary>
    public async Task DeferAsync(RunId run, DateTimeOffset until)
    {
        if (await store.PostponeAsync(run, until) is { } due) signals.Parked(run, due);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var every = settings.Lease / 3;
        using var timer = new PeriodicTimer(every, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await RenewAsync();
        }
        catch (OperationCanceledException)
        {
            // As for leases: permits must be renewed while attempts are in flight, which is longer than the host counts as running.
            await RenewUntilReleasedAsync(every);
        }
    }

    private async Task RenewUntilReleasedAsync(TimeSpan every)
    {
        using var timer = new PeriodicTimer(Tick, time);
        long? renewed = null;
        while (!_permits.IsEmpty)
        {
            if (renewed is not { } last || time.GetElapsedTime(last) >= every)
            {
                renewed = time.GetTimestamp();
                await RenewAsync();
            }

            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    private async Task RenewAsync()
    {
        try
        {
            var until = time.GetUtcNow() + settings.Lease;

            // Do not use Keys, which locks the whole dictionary for a copy.
            await Task.WhenAll(_permits.Select(permit => permit.Key.KeepAsync(store, until)));
        }
        catch (Exception e) when (e is StoreUnavailableException or UnreadableRecordException)
        {
            log.FlowControlUnavailable(e.Message);
        }
    }

    private async Task LeaveAsync(Permit permit)
    {
        if (!_permits.TryRemove(permit, out _)) return;
        await permit.LeaveAsync();
        try
        {
            await WakeAsync(permit.ConcurrencyLimit, await store.LeaveAsync(permit.ConcurrencyLimit, permit.Run, permit.Name));
        }
        catch (Exception e) when (e is StoreUnavailableException or UnreadableRecordException)
        {
            // The place becomes free when its lease ends.
            log.FlowControlUnavailable(e.Message);
        }
    }

    private async Task WakeAsync(ConcurrencyLimit limit, IReadOnlyList<RunId> runs)
    {
        foreach (var run in runs)
        {
            if (await store.WakeAsync(run)) signals.Parked(run, time.GetUtcNow());
            else await WakeAsync(limit, await store.LeaveAsync(limit, run, permit: ""));
        }
    }

    /// <summary>A run's permit under a concurrency limit.</summary>
    internal sealed class Permit(FlowControl owner, ConcurrencyLimit limit, RunId run) : IAsyncDisposable
    {
        private readonly Lock _lock = new();
        private Task _keeping = Task.CompletedTask;
        private bool _left;

        public ConcurrencyLimit ConcurrencyLimit => limit;
        public RunId Run => run;

        /// <summary>The id of the permit. Each attempt of the run has its own, so it cannot release that of another.</summary>
        public string Name { get; } = Guid.NewGuid().ToString("N");

        /// <summary>Renews the permit, unless it is being released.</summary>
        public Task KeepAsync(IFlowStore store, DateTimeOffset until)
        {
            lock (_lock) return _left ? Task.CompletedTask : _keeping = store.KeepAsync(limit, run, Name, until);
        }

        /// <summary>Releases the permit. It is not renewed after that, because a renewal would take a place that no run uses.</summary>
        public async Task LeaveAsync()
        {
            Task keeping;
            lock (_lock)
            {
                _left = true;
                keeping = _keeping;
            }

            await keeping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        public ValueTask DisposeAsync() => new(owner.LeaveAsync(this));
    }
}
