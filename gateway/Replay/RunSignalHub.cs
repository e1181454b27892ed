using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Replay;

/// <summary>Brings the signals of runs to those who wait: on this node directly, on others by the store's channel.</summary>
internal sealed class RunSignalHub(
    DueClock clock, RunEndNotifier ended, IRunSignalChannel channel, IStoreReadiness store, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<RunSignalHub> log)
    : BackgroundService, IRunSignals
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);

    public void Parked(RunId run, DateTimeOffset due) => clock.Hear(run, due);

    public void HandedBack(RunId run, DateTimeOffset due)
    {
        clock.Hear(run, due);
        channel.PublishDue(run, due);
    }

    public event Action<RunId>? EndHeard;

    public void Ended(RunId run)
    {
        Hear(run);
        channel.PublishEnded(run);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await store.Opened.WaitAsync(stoppingToken);
        }
        catch (ConfigurationException)
        {
            // The store answered after the start, and does not fit: Program says so, and ends with its status.
            lifetime.StopApplication();
            return;
        }

        var outage = new OutageLog(time, (_, _, error) => log.DeafToOthers(error.Message), (_, _) => { });
        while (true)
        {
            try
            {
                await channel.SubscribeAsync(Hear, clock.Hear);
                return;
            }
            catch (StoreUnavailableException e)
            {
                // Who waits asks the store now and then; only the signal between nodes is missing.
                outage.Failed(e);
                await Task.Delay(Retry, time, stoppingToken);
            }
        }
    }

    private void Hear(RunId run)
    {
        ended.Signal(run);
        EndHeard?.Invoke(run);
    }
}
