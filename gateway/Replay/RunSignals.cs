using System.Globalization;
using DurableGateway.Configuration;
using DurableGateway.Results;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Telemetry;

namespace DurableGateway.Replay;

/// <summary>Brings the signals of runs to those who wait: on this node directly, on others by the store's channel.</summary>
internal sealed class RunSignals(
    DueClock clock, EndedRuns ended, StoreConnection connection, IHostApplicationLifetime lifetime,
    TimeProvider time, ILogger<RunSignals> log)
    : BackgroundService, IRunSignals
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);

    public void Parked(RunId run, DateTimeOffset due) => clock.Hear(run, due);

    public void HandedBack(RunId run, DateTimeOffset due)
    {
        clock.Hear(run, due);
        connection.Publish(StoreKeys.DueChannel, string.Create(CultureInfo.InvariantCulture, $"{run} {due.ToUnixTimeMilliseconds()}"));
    }

    public event Action<RunId>? EndHeard;

    public void Ended(RunId run)
    {
        Hear(run);
        connection.Publish(StoreKeys.EndedChannel, run.ToString());
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await connection.Opened.WaitAsync(stoppingToken);
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
                await connection.SubscribeAsync(StoreKeys.EndedChannel, message =>
                {
                    if (RunId.TryParse(message, out var run)) Hear(run);
                });
                await connection.SubscribeAsync(StoreKeys.DueChannel, message =>
                {
                    if (message.Split(' ') is [var id, var due] && RunId.TryParse(id, out var run)
                        && long.TryParse(due, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds))
                        clock.Hear(run, DateTimeOffset.FromUnixTimeMilliseconds(milliseconds));
                });
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
