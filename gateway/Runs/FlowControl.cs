using System.Collections.Concurrent;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// Lets runs through the gates of their policies, here and on all other nodes together, and keeps the places of those that are in. One
/// that is turned away is parked; whoever leaves makes the next one due, and so does, should that get lost, its own due time.
/// </summary>
internal sealed class FlowControl(
    IFlowStore store, IRunSignals signals, EngineSettings settings, TimeProvider time, ILogger<FlowControl> log) : BackgroundService
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan PerPlace = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan MaxWait = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<Permit, byte> _permits = new();

    /// <summary>The runs on this node that have a place.</summary>
    public int InFlight => _permits.Count;

    /// <returns>The permit, to be disposed when the attempt is over; or when to ask again at the latest.</returns>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public async Task<(Permit? Permit, DateTimeOffset AskAgain)> EnterAsync(ConcurrencyLimit gate, RunId run, TimeSpan lifetime)
    {
        var now = time.GetUtcNow();
        var permit = new Permit(this, gate, run);
        var answer = await store.EnterAsync(gate, run, permit.Name, now + settings.Lease, lifetime);
        if (answer.Woken.Count > 0) await WakeAsync(gate, answer.Woken);
        if (!answer.IsIn)
        {
            // It is woken when its turn comes; this is for when nobody is left to do so.
            var wait = (settings.Lease * 2) + (PerPlace * answer.Before);
            return (null, now + (wait < MaxWait ? wait : MaxWait));
        }

        _permits.TryAdd(permit, 0);
        return (permit, default);
    }

    /// <summary>
    /// A run that was turned away before it was stored is stored now, or is not to be. Its turn may have come in between: nobody could
    /// make it due then, and its place was given to the next.
    /// </summary>
    public async Task QueuedAsync(ConcurrencyLimit gate, RunId run, TimeSpan lifetime, bool isStored)
    {
        try
        {
            if (!isStored)
            {
                await WakeAsync(gate, await store.LeaveAsync(gate, run, permit: ""));
                return;
            }

            var answer = await store.EnterAsync(gate, run, permit: "", time.GetUtcNow() + settings.Lease, lifetime);
            await WakeAsync(gate, answer.IsIn ? [run, .. answer.Woken] : answer.Woken);
        }
        catch (StoreUnavailableException e)
        {
            // Its own due time is left.
            log.FlowControlUnavailable(e.Message);
        }
    }

    /// <summary>Puts off a due run that was turned away, unless its turn has come since.</summary>
    public async Task DeferAsync(RunId run, DateTimeOffset until)
    {
        if (await store.PostponeAsync(run, until) is { } due) signals.Parked(run, due);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // As leases are: kept for as long as attempts are in flight, which is longer than the host calls "running".
        using var timer = new PeriodicTimer(Tick, time);
        var kept = time.GetTimestamp();
        while (await timer.WaitForNextTickAsync(CancellationToken.None) && !(stoppingToken.IsCancellationRequested && _permits.IsEmpty))
        {
            if (time.GetElapsedTime(kept) < settings.Lease / 3) continue;
            kept = time.GetTimestamp();
            try
            {
                var until = time.GetUtcNow() + settings.Lease;

                // Not by Keys, which locks the whole dictionary to copy them.
                await Task.WhenAll(_permits.Select(permit => permit.Key.KeepAsync(store, until)));
            }
            catch (Exception e) when (e is StoreUnavailableException or UnreadableRecordException)
            {
                log.FlowControlUnavailable(e.Message);
            }
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
            // Its place is free when its lease ends.
            log.FlowControlUnavailable(e.Message);
        }
    }

    private async Task WakeAsync(ConcurrencyLimit gate, IReadOnlyList<RunId> runs)
    {
        foreach (var run in runs)
        {
            if (await store.WakeAsync(run)) signals.Parked(run, time.GetUtcNow());
            else await WakeAsync(gate, await store.LeaveAsync(gate, run, permit: ""));
        }
    }

    /// <summary>A run's place within its gate.</summary>
    internal sealed class Permit(FlowControl owner, ConcurrencyLimit gate, RunId run) : IAsyncDisposable
    {
        private readonly Lock _lock = new();
        private Task _keeping = Task.CompletedTask;
        private bool _left;

        public ConcurrencyLimit ConcurrencyLimit => gate;
        public RunId Run => run;

        /// <summary>What the place is held by. Another attempt of the run has another one, so neither can give back the other's.</summary>
        public string Name { get; } = Guid.NewGuid().ToString("N");

        /// <summary>Keeps the place for longer, unless the run is about to leave.</summary>
        public Task KeepAsync(IFlowStore store, DateTimeOffset until)
        {
            lock (_lock) return _left ? Task.CompletedTask : _keeping = store.KeepAsync(gate, run, Name, until);
        }

        /// <summary>Nothing is kept after this: a place that is kept once more when it was left would be taken, and nobody's.</summary>
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
