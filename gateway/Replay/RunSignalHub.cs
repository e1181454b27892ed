using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Replay;

/// <summary>Delivers the signals of runs to their waiters, directly on this node and through the store's channel on others.</summary>
internal sealed class RunSignalHub(
    DueClock clock, RunEndNotifier ended, IRunSignalChannel channel, IStoreReadiness store, IHostApplicationLifetime lifetime,
    TimeProvider time, ILogger<RunSignalHub> log)
    : BackgroundService, IRunSignals, IRunObserver
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);

    public void Parked(RunId run, DateTimeOffset due) => clock.Hear(run, due);

    public void HandedBack(RunId run, DateTimeOffset due)
    {
        clock.Hear(run, due);
        channel.PublishDue(run, due);
    }

    public event Action<RunId>? EndHeard;

    void IRunObserver.RunAccepted(NewRun run, DateTimeOffset due) => Parked(run.Id, due);

    void IRunObserver.RunQueued(Attempt attempt, DateTimeOffset due) => Parked(attempt.Run, due);

    void IRunObserver.AttemptFailed(Attempt attempt, AttemptFailure failure, DateTimeOffset due) => Parked(attempt.Run, due);

    void IRunObserver.AttemptSuspended(Attempt attempt, DateTimeOffset due) => Parked(attempt.Run, due);

    void IRunObserver.AttemptHandedBack(Attempt attempt, DateTimeOffset due, bool forOthers)
    {
        if (forOthers) HandedBack(attempt.Run, due);
        else Parked(attempt.Run, due);
    }

    void IRunObserver.RunEnded(Attempt attempt, RunState state, int status, bool isStored)
    {
        if (isStored) Ended(attempt.Run);
    }

    void IRunObserver.RunCancelled(RunId run, RunOrigin? origin)
    {
        Ended(run);

        // There may be an outbox entry for the run that invoked this one.
        Parked(run, time.GetUtcNow());
    }

    void IRunObserver.RunUnreadable(RunId run) => Ended(run);

    void IRunObserver.ResultIsDue(RunId run, DateTimeOffset due) => Parked(run, due);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await store.Opened.WaitAsync(stoppingToken);
        }
        catch (ConfigurationException)
        {
            // The store became available after the start, and does not fit the configuration. Program reports this and sets the exit
            // status.
            lifetime.StopApplication();
            return;
        }

        var outage = new OutageLog(time, (_, _, error) => log.DeafToOthers(error.Message), (_, _) => { });

        // Waiting clients ask the store regularly. Only the signals between nodes are missing.
        await StoreRetry.RepeatAsync(
            async () =>
            {
                await channel.SubscribeAsync(Hear, clock.Hear);
                return true;
            },
            time, patience: null, Retry,
            between: error =>
            {
                outage.Failed(error);
                return Task.CompletedTask;
            },
            cancellation: stoppingToken);
    }

    private void Ended(RunId run)
    {
        Hear(run);
        channel.PublishEnded(run);
    }

    private void Hear(RunId run)
    {
        ended.Signal(run);
        EndHeard?.Invoke(run);
    }
}
