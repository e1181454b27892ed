using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Telemetry;

namespace DurableGateway.Replay;

/// <summary>
/// Claims due runs and has them replayed. It looks where the clock says that something is due, and now and then at every
/// shard, for what other nodes have parked or left behind.
/// </summary>
internal sealed class ReplayLoop(
    StoreConnection connection, IRunStore store, RunEngine engine, ReplayRunner runner, DueClock clock, EngineSettings settings,
    TimeProvider time, ILogger<ReplayLoop> log) : BackgroundService
{
    public const int MaxInFlight = 256;

    private const int Batch = 32;
    private static readonly TimeSpan StoreRetry = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _free = new(MaxInFlight, MaxInFlight);

    /// <summary>Replays that are still at work.</summary>
    public int InFlight => MaxInFlight - _free.CurrentCount;

    /// <summary>Claims nothing more, and waits for the replays at work: they end by themselves or are handed back.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        for (var slot = 0; slot < MaxInFlight; slot++) await _free.WaitAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _free.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await connection.Opened.WaitAsync(stoppingToken);
        var sweepEvery = settings.Lease / 2;
        var swept = long.MinValue;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var shards = clock.TakeDue();
                if (swept == long.MinValue || time.GetElapsedTime(swept) >= sweepEvery)
                {
                    shards = [.. Enumerable.Range(0, clock.Shards)];
                    swept = time.GetTimestamp();
                }

                // The look at each shard goes out at once; the answers come back in one round trip.
                var looks = shards.Select(shard => (shard, store.GetDueAsync(shard, time.GetUtcNow(), Batch))).ToArray();
                foreach (var (shard, look) in looks) await ClaimAsync(shard, await look, stoppingToken);
                await clock.WaitAsync(sweepEvery - time.GetElapsedTime(swept) is { Ticks: > 0 } rest ? rest : TimeSpan.Zero, stoppingToken);
            }
            catch (StoreUnavailableException e)
            {
                log.ClaimFailed(e.Message);
                swept = long.MinValue;
                await Task.Delay(StoreRetry, time, stoppingToken);
            }
        }
    }

    private async Task ClaimAsync(int shard, DueRuns due, CancellationToken cancellation)
    {
        if (due.Next is { } next) clock.Hear(shard, next);
        foreach (var run in due.Runs)
        {
            await _free.WaitAsync(cancellation);
            _ = ReplayAsync(run);
        }
    }

    private async Task ReplayAsync(RunId run)
    {
        try
        {
            if (await engine.ClaimAsync(run) is { } claimed) await runner.RunAsync(claimed.Run, claimed.Attempt);
        }
        catch (StoreUnavailableException e)
        {
            log.ClaimFailed(e.Message);
        }
        finally
        {
            _free.Release();
        }
    }
}
