using System.Collections.Concurrent;
using System.Net;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Waits until enough replicas have what was written (<c>Durable:Store:MinReplicas</c>). Those who wait at the same time wait
/// together: one <c>WAIT</c> for each server at a time, on a connection of its own, because it blocks what comes after it.
/// </summary>
/// <param name="connection">The connection for <c>WAIT</c>.</param>
/// <param name="replicas">How many have to confirm.</param>
/// <param name="patience">How long it waits for them.</param>
/// <param name="time">The clock.</param>
/// <param name="lookAround">
/// Has the topology read again. Without it a barrier whose server is no longer the primary would ask it for as long as it lives: only
/// this connection meets the error, and the calls on other connections succeed.
/// </param>
internal sealed class ReplicaBarrier(
    IConnectionMultiplexer connection, int replicas, TimeSpan patience, TimeProvider time, Action lookAround)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentDictionary<EndPoint, SharedRound<int>> _rounds = new();

    /// <summary>Completes when all that was written to the key's server before this call is on the replicas.</summary>
    /// <exception cref="StoreUnavailableException">
    /// Too few replicas confirmed in time. What was written is on the primary, and may be lost with it.
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

            // A slot that moved meanwhile has its writes on another server.
            return (connection.GetServer(key).EndPoint.Equals(server.EndPoint) ? confirmed : 0, null);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or InvalidOperationException)
        {
            // The last is what the client library throws where no server of the key is connected, or the connection is closed.
            lookAround();
            return (0, e);
        }
    }

    private async Task<int> AskAsync(IServer server, RedisKey key)
    {
        // WAIT speaks of what its own connection has written last, so something is written there; what others wrote before is
        // before that. A connection that is new in between has written nothing, and WAIT would promise nothing.
        var sockets = server.GetCounters().Interactive.SocketCount;
        var mark = connection.GetDatabase().StringSetAsync(StoreKeys.BarrierBeside(key), 1, TimeSpan.FromDays(1));
        var wait = server.ExecuteAsync("WAIT", replicas, (int)patience.TotalMilliseconds);
        await mark;
        var confirmed = (int)await wait;
        return server.GetCounters().Interactive.SocketCount == sockets ? confirmed : 0;
    }
}
