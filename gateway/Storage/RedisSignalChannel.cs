using System.Globalization;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>Sends and receives signals over the store's channels.</summary>
internal sealed class RedisSignalChannel(StoreConnection connection) : IRunSignalChannel
{
    public void PublishEnded(RunId run) => connection.Publish(StoreKeys.EndedChannel, run.ToString());

    public void PublishDue(RunId run, DateTimeOffset due) =>
        connection.Publish(StoreKeys.DueChannel, string.Create(CultureInfo.InvariantCulture, $"{run} {due.ToUnixTimeMilliseconds()}"));

    public async Task SubscribeAsync(Action<RunId> ended, Action<RunId, DateTimeOffset> due)
    {
        await connection.SubscribeAsync(StoreKeys.EndedChannel, message =>
        {
            if (RunId.TryParse(message, out var run)) ended(run);
        });
        await connection.SubscribeAsync(StoreKeys.DueChannel, message =>
        {
            if (message.Split(' ') is [var id, var time] && RunId.TryParse(id, out var run)
                && long.TryParse(time, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds))
                due(run, DateTimeOffset.FromUnixTimeMilliseconds(milliseconds));
        });
    }
}
