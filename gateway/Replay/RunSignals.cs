using DurableGateway.Results;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Replay;

/// <summary>Brings the signals of runs to those who wait: on this node directly, on others by the store's channel.</summary>
internal sealed class RunSignals(DueClock clock, EndedRuns ended, StoreConnection connection) : BackgroundService, IRunSignals
{
    public void Parked(RunId run, DateTimeOffset due) => clock.Hear(run, due);

    public void Ended(RunId run)
    {
        ended.Signal(run);
        connection.Publish(StoreKeys.EndedChannel, run.ToString());
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await connection.Opened.WaitAsync(stoppingToken);
        await connection.SubscribeAsync(StoreKeys.EndedChannel, message =>
        {
            if (RunId.TryParse(message, out var run)) ended.Signal(run);
        });
    }
}
