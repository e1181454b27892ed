using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Replay;

/// <summary>
/// Claims due runs and replays them. It looks at shards where the due clock reports a run, and regularly at the head of every shard's queue
/// for runs that other nodes have parked or left behind.
/// </summary>
internal sealed class ReplayLoop(
    StoreConnection connection, IRunStore store, RunEngine engine, AttemptRegistry registry, ReplayRunner runner, ReplaySlots slots,
    DueClock clock, Outbox outbox, FlowControl flow,
    EngineSettings settings, IHostApplicationLifetime lifetime, StoreClock time, ILogger<ReplayLoop> log) : BackgroundService
{
    private const int Batch = 16;

    /// <summary>
    /// How many runs a look returns beyond those that it claims, so that nodes that look at the same queue do not all claim the same ones.
    /// </summary>
    private const int Named = 8 * Batch;

    /// <summary>The maximum number of runs per route that a look for other routes' runs returns.</summary>
    private const int NamedOfRoute = Batch;

    /// <summary>How long the queue of a concurrency limit is kept without a new run.</summary>
    private static readonly TimeSpan LimitLifetime = TimeSpan.FromDays(30);

    private static readonly TimeSpan StoreRetry = TimeSpan.FromSeconds(1);

    private readonly Backlog _backlog = new();
    private readonly QueueScan _scan = new(clock.Shards);
    private long _swept = long.MinValue;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // A node that drains claims nothing. A node that starts has no routes until its pipeline is built.
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        try
        {
            await lifetime.StartedAsync(stopping.Token);
            await connection.Opened.WaitAsync(stopping.Token);
            await ClaimAsync(stopping.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The node shuts down.
        }
        catch (ConfigurationException)
        {
            // The store does not fit the configuration, and the node shuts down: see RunSignalHub.
        }
    }

    private async Task ClaimAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await SweepAsync();
                TakeDue();
                var freed = slots.Freed;
                while (_backlog.TryTake(slots.HasRoomIn, out var look))
                {
                    await LookAsync(look, stopping);
                    TakeDue();
                }

                await clock.WaitAsync(UntilSweep(), _backlog.IsEmpty ? null : freed, stopping);
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                // An exception that escapes from here would stop the host. The failed look is unknown, so all shards start from the
                // beginning.
                if (e is StoreUnavailableException) log.ClaimFailed(e.Message);
                else log.LookFailed(e);
                _swept = long.MinValue;
                _backlog.Clear();
                _scan.Reset();
                await Task.Delay(StoreRetry, time, stopping);
            }
        }
    }

    private TimeSpan UntilSweep()
    {
        var left = (settings.Lease / 2) - time.GetElapsedTime(_swept);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>Asks each shard for its first entry. The requests are pipelined into one round trip.</summary>
    private async Task SweepAsync()
    {
        if (_swept != long.MinValue && UntilSweep() > TimeSpan.Zero) return;
        await connection.SetClockAsync();
        var heads = await Task.WhenAll(Enumerable.Range(0, clock.Shards).Select(store.GetNextDueAsync));
        for (var shard = 0; shard < heads.Length; shard++)
        {
            if (heads[shard] is not { } due) continue;
            if (due > time.GetUtcNow())
            {
                clock.Hear(shard, due);
                continue;
            }

            _backlog.AddAgain(shard);
            if (!_scan.HasSeen(shard)) _backlog.Add(shard);
        }

        _swept = time.GetTimestamp();
    }

    private void TakeDue()
    {
        foreach (var (shard, due) in clock.TakeDue())
        {
            _scan.Hear(shard, due);
            _backlog.Add(shard);
        }
    }

    /// <summary>
    /// Claims due runs, starting at a place in a queue. A look for a cluster that has room ends with the first runs that it can claim. A
    /// look for new runs sees all of them, so that none waits behind the thousands of a cluster that is full.
    /// </summary>
    private async Task LookAsync(Look look, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var from = _scan.PlaceOf(look);
        var (limit, perRoute) = look.Kind == LookKind.Held ? (Named, Named) : (int.MaxValue / 4, NamedOfRoute);
        var full = slots.FullRoutes();
        var due = await store.GetDueAsync(look.Shard, now, limit, full, from, perRoute);
        _scan.Looked(look, due.Rest, now);
        if (due.Next is { } next) clock.Hear(look.Shard, next);
        if (look.Kind == LookKind.New && due.Rest is not null) _backlog.Add(look.Shard);
        foreach (var entry in due.Outbox) await outbox.TakeAsync(entry);

        var left = due.Held.Select(slots.ClusterOf).ToHashSet(StringComparer.OrdinalIgnoreCase);

        // These clusters had no room when the look began, or when it reached their runs. They may have room by now.
        var crowded = due.Held.Intersect(full, StringComparer.Ordinal).Select(slots.ClusterOf).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var claims = new List<Task>(Batch);
        foreach (var (run, cluster) in Pick(due.Runs))
        {
            cancellation.ThrowIfCancellationRequested();

            // The lease expired while the store was unavailable, but this node is still running the attempt: it renews the lease or stores
            // the end.
            if (registry.TryGet(run.Id, out var own) && own is { IsOver: false, State: not AttemptState.Lost }) continue;

            // The store's clock has jumped, so all leases expired at once. Nodes that are alive renew theirs first.
            if (run.IsRunning && time.HasJumpedWithin(settings.Lease)) continue;
            if (claims.Count >= Batch)
            {
                left.Add(cluster);
            }
            else if (slots.TryTake(cluster))
            {
                claims.Add(ClaimAsync(run.Id, ConcurrencyLimit.Parse(run.ConcurrencyLimit), cluster));
            }
            else
            {
                left.Add(cluster);
                crowded.Add(cluster);
            }
        }

        // The next look does not return runs that are claimed. If nothing could be claimed although there was room, an immediate look would
        // find the same runs.
        await Task.WhenAll(claims);
        foreach (var cluster in left)
        {
            if (claims.Count > 0 || crowded.Contains(cluster) || !slots.HasRoomIn(cluster)) _backlog.Hold(cluster, look.Shard, from);
        }

        if (look.Kind == LookKind.Held && due.Rest is { } rest && !left.Contains(look.Cluster))
            _backlog.Hold(look.Cluster, look.Shard, rest);
    }

    /// <summary>The runs in random order, one of each cluster in turn.</summary>
    private IEnumerable<(DueRun Run, string Cluster)> Pick(IReadOnlyList<DueRun> runs)
    {
        var mixed = runs.ToArray();
        Random.Shared.Shuffle(mixed);
        return mixed.GroupBy(run => slots.ClusterOf(run.Route), StringComparer.OrdinalIgnoreCase)
            .SelectMany(cluster => cluster.Select((run, turn) => (Run: run, Cluster: cluster.Key, Turn: turn)))
            .OrderBy(pick => pick.Turn).Select(pick => (pick.Run, pick.Cluster));
    }

    private async Task ClaimAsync(RunId run, ConcurrencyLimit? limit, string cluster)
    {
        FlowControl.Permit? permit = null;
        var taken = true;
        try
        {
            if (limit is not null)
            {
                (permit, var askAgain) = await flow.EnterAsync(limit, run, LimitLifetime);
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
        catch (Exception e) when (e is not (StoreUnavailableException or OperationCanceledException))
        {
            // The run stays due, and must not delay the others.
            log.RunNotClaimed(e, run);
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
