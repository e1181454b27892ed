using System.Collections.Concurrent;
using System.Net;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Waits until enough replicas have confirmed the writes (<c>Durable:Store:MinReplicas</c>). Concurrent callers share one <c>WAIT</c> for
/// each server. It has its own connection, because it blocks later commands of its connection.
/// </summary>
/// <param name="connection">The connection for <c>WAIT</c>.</param>
/// <param name="replicas">The number of replicas that must confirm.</param>
/// <param name="patience">The longest time to wait for them.</param>
/// <param name="time">The clock.</param>
/// <param name="lookAround">
/// Reads the topology again. Without it, a barrier would keep asking a server that is no longer the primary: only this connection gets the
/// error, while the calls on other connections succeed.
/// </param>
internal sealed class ReplicaBarrier(
    IConnectionMultiplexer connection, int replicas, TimeSpan patience, TimeProvider time, Action lookAround)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentDictionary<EndPoint, SharedRound<int>> _rounds = new();

    /// <summary>Completes when the replicas have all earlier writes to the key's server.</summary>
    /// <exception cref="StoreUnavailableException">
    /// Too few replicas confirmed in time. The writes are on the primary and may be lost with it.
    /// </exception>
    public async Task PassAsync(RedisKey key)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            var (confirmed, problem) = await TryAsync(key);
            if (confirmed >= replicas) return;
            if (time.GetElapsedTime(began) >= patience)
            {
                throw new StoreUnavailableException(
                    $"Only {confirmed} of {replicas} replicas have confirmed a write (Durable:Store:MinReplicas).", problem)
                {
                    MayHaveHappened = true,
                    ReplicasAreMissing = true,
                };
            }

            if (problem is not null) await Task.Delay(Pause, time);
        }
    }

    private async Task<(int Confirmed, Exception? Problem)> TryAsync(RedisKey key)
    {
        try
        {
            var server = connection.GetServer(key);
            var confirmed = await _rounds.GetOrAdd(server.EndPoint, _ => new SharedRound<int>()).JoinAsync(() => AskAsync(server, key));

            // If the slot moved in the meantime, its writes are on another server.
            return (connection.GetServer(key).EndPoint.Equals(server.EndPoint) ? confirmed : 0, null);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or InvalidOperationException)
        {
            // The client library throws the last type if no server of the key is connected, or the connection is closed.
            lookAround();
            return (0, e);
        }
    }

    private async Task<int> AskAsync(IServer server, RedisKey key)
    {
        // WAIT covers the last write of its own connection and everything before it, so this connection writes a key first. A connection
        // that was reopened in between has written nothing, and WAIT would confirm nothing.
        var sockets = server.GetCounters().Interactive.SocketCount;
        var mark = connection.GetDatabase().StringSetAsync(StoreKeys.BarrierBeside(key), 1, TimeSpan.FromDays(1));
        var wait = server.ExecuteAsync("WAIT", replicas, (int)patience.TotalMilliseconds);
        await mark;
        var confirmed = (int)await wait;
        return server.GetCounters().Interactive.SocketCount == sockets ? confirmed : 0;
    }
}
