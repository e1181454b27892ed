using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Telemetry;

namespace DurableGateway.Replay;

/// <summary>
/// Claims due runs and has them replayed. It looks where the clock says that something is due, and now and then at the head of
/// every shard's queue, for what other nodes have parked or left behind.
/// </summary>
internal sealed class ReplayLoop(
    StoreConnection connection, IRunStore store, RunEngine engine, AttemptRegistry registry, ReplayRunner runner, ReplaySlots slots, DueClock clock, Errands errands, FlowControl flow,
    EngineSettings settings, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<ReplayLoop> log) : BackgroundService
{
    private const int Batch = 16;

    /// <summary>
    /// How far a look goes beyond what is claimed: one run of a small cluster must not wait behind the thousands of a large one, and
    /// several nodes that look at the same queue must not all claim the same.
    /// </summary>
    private const int Look = 32 * Batch;

    /// <summary>How long who waits at a gate is kept there with no news of anybody.</summary>
    private static readonly TimeSpan GateLifetime = TimeSpan.FromDays(30);

    private static readonly TimeSpan StoreRetry = TimeSpan.FromSeconds(1);

    private readonly Backlog _backlog = new();
    private long _swept = long.MinValue;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // A node that drains takes nothing new up; one that starts has no routes before its pipeline is built.
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        try
        {
            await lifetime.StartedAsync(stopping.Token);
            await connection.Opened.WaitAsync(stopping.Token);
            await ClaimAsync(stopping.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The node goes.
        }
    }

    private async Task ClaimAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await SweepAsync();
                foreach (var shard in clock.TakeDue()) _backlog.Add(shard);
                var freed = slots.Freed;
                while (slots.HasRoom && _backlog.TryTake(slots.HasRoomIn, out var shard)) await ClaimAsync(shard, stopping);
                await clock.WaitAsync(UntilSweep(), _backlog.IsEmpty ? null : freed, stopping);
            }
            catch (StoreUnavailableException e)
            {
                log.ClaimFailed(e.Message);
                _swept = long.MinValue;
                await Task.Delay(StoreRetry, time, stopping);
            }
        }
    }

    private TimeSpan UntilSweep()
    {
        var left = (settings.Lease / 2) - time.GetElapsedTime(_swept);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>Asks each shard for its first entry; the questions go out together, and the answers come back in one round trip.</summary>
    private async Task SweepAsync()
    {
        if (_swept != long.MinValue && UntilSweep() > TimeSpan.Zero) return;
        await connection.SetClockAsync();
        var heads = await Task.WhenAll(Enumerable.Range(0, clock.Shards).Select(store.GetNextDueAsync));
        for (var shard = 0; shard < heads.Length; shard++)
        {
            if (heads[shard] is { } due) clock.Hear(shard, due);
        }

        _swept = time.GetTimestamp();
    }

    private async Task ClaimAsync(int shard, CancellationToken cancellation)
    {
        var due = await store.GetDueAsync(shard, time.GetUtcNow(), Look, slots.FullRoutes());
        if (due.Next is { } next) clock.Hear(shard, next);
        foreach (var route in due.Held) _backlog.Hold(slots.ClusterOf(route), shard);
        foreach (var errand in due.Errands) await errands.TakeAsync(errand);
        var runs = due.Runs.ToArray();
        var claims = new List<Task>(Batch);
        foreach (var (run, route, gate) in runs.Length > Batch ? Pick(runs) : runs)
        {
            cancellation.ThrowIfCancellationRequested();

            // Its lease ran out while the store was away, but this node is still at it: it renews the lease, or records the end.
            if (registry.TryGet(run, out var own) && own is { IsSettled: false, Interrupted: not AttemptInterrupt.Lost }) continue;
            var cluster = slots.ClusterOf(route);
            if (slots.TryTake(cluster)) claims.Add(ClaimAsync(run, Gate.Parse(gate), cluster));
            else if (slots.HasRoom) _backlog.Hold(cluster, shard);
            else _backlog.Add(shard);
        }

        // What has been claimed is no longer named by the next look. Where nothing could be named, that waits for room.
        await Task.WhenAll(claims);
        if ((claims.Count > 0 || due.Errands.Count > 0) && (runs.Length > Batch || due.More)) _backlog.Add(shard);
    }

    /// <summary>Some of each cluster's, in turn.</summary>
    private IEnumerable<DueRun> Pick(DueRun[] runs)
    {
        Random.Shared.Shuffle(runs);
        return runs.GroupBy(run => slots.ClusterOf(run.Route)).SelectMany(cluster => cluster.Select((run, turn) => (run, turn)))
            .OrderBy(pick => pick.turn).Take(Batch).Select(pick => pick.run);
    }

    private async Task ClaimAsync(RunId run, Gate? gate, string cluster)
    {
        FlowControl.Permit? permit = null;
        var taken = true;
        try
        {
            if (gate is not null)
            {
                (permit, var askAgain) = await flow.EnterAsync(gate, run, GateLifetime);
                if (permit is null)
                {
                    await flow.DeferAsync(run, askAgain);
                    return;
                }
            }

            if (await engine.ClaimAsync(run) is not { } claimed) return;
            taken = false;
            _ = ReplayAsync(claimed, permit, cluster);
        }
        finally
        {
            if (taken) await ReleaseAsync(permit, cluster);
        }
    }

    private async Task ReplayAsync((ClaimedRun Run, Attempt Attempt) claimed, FlowControl.Permit? permit, string cluster)
    {
        try
        {
            await runner.RunAsync(claimed.Run, claimed.Attempt);
        }
        finally
        {
            await ReleaseAsync(permit, cluster);
        }
    }

    private async Task ReleaseAsync(FlowControl.Permit? permit, string cluster)
    {
        slots.Release(cluster);
        if (permit is not null) await permit.DisposeAsync();
    }
}
