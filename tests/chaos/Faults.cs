using System.Diagnostics;
using DurableGateway.Tests.Support;

namespace DurableGateway.Chaos;

/// <summary>Injects random faults from a seed. Several faults can be active at a time.</summary>
internal sealed class Faults(IReadOnlyList<Node> gateways, Node service, Node downstream, IReadOnlyList<RedisServer> redis,
    IReadOnlyList<Link> links, TimeSpan lease, History history, int seed) : IDisposable
{
    private readonly Random _random = new(seed);
    private readonly SemaphoreSlim _redisLock = new(1, 1);
    private readonly Dictionary<string, int> _counts = [];

    public IReadOnlyDictionary<string, int> Counts => _counts;

    /// <summary>Injects faults until the time is over, and waits until everything works again.</summary>
    public async Task RunAsync(TimeSpan time, CancellationToken cancellation)
    {
        var under = new Dictionary<object, Task>();
        var end = Environment.TickCount64 + (long)time.TotalMilliseconds;
        while (Environment.TickCount64 < end && !cancellation.IsCancellationRequested)
        {
            // A single gateway needs time to start between two faults.
            await Task.Delay(_random.Next(100, 900) * (gateways.Count == 1 ? 5 : 1), CancellationToken.None);
            var (what, victim, harm) = Choose();
            if (under.TryGetValue(victim, out var last) && !last.IsCompleted) continue;
            lock (_counts) _counts[what] = _counts.GetValueOrDefault(what) + 1;
            under[victim] = harm();
        }

        await Task.WhenAll(under.Values);
    }

    public void Dispose() => _redisLock.Dispose();

    private (string What, object Victim, Func<Task> Harm) Choose()
    {
        var gateway = gateways[_random.Next(gateways.Count)];
        var link = links[_random.Next(links.Count)];
        var server = redis.Count == 0 ? null : redis[_random.Next(redis.Count)];
        var pause = TimeSpan.FromMilliseconds(_random.Next(50, (int)(2.5 * lease.TotalMilliseconds)));
        var soon = TimeSpan.FromMilliseconds(_random.Next(50, 1500));
        return _random.Next(server is null ? 80 : 100) switch
        {
            < 25 => ("gateway SIGKILL", gateway, () => KillAsync(gateway, soon)),
            < 36 => ("gateway SIGSTOP", gateway, () => PauseGatewayAsync(gateway, pause)),
            < 44 => ("gateway SIGTERM", gateway, () => TerminateAsync(gateway)),
            < 55 => ("service SIGKILL", service, () => KillAsync(service, soon)),
            < 60 => ("service SIGSTOP", service, () => PauseAsync(service, soon)),
            < 66 => ("downstream SIGKILL", downstream, () => KillAsync(downstream, soon)),
            < 72 => ("network cut", link, () => link.CutAsync(pause)),
            < 80 => ("network still", link, () => link.FreezeAsync(pause)),
            < 90 => ("redis SIGKILL", redis, () => KillRedisAsync(server!, soon)),
            _ => ("redis SIGSTOP", redis, () => PauseRedisAsync(server!, soon)),
        };
    }

    private static async Task KillAsync(Node node, TimeSpan down)
    {
        await node.KillAsync();
        await Task.Delay(down);
        node.Start();
    }

    private static async Task TerminateAsync(Node node)
    {
        await node.TerminateAsync();
        node.Start();
    }

    private static async Task PauseAsync(Node node, TimeSpan pause)
    {
        node.Stop();
        await Task.Delay(pause);
        node.Continue();
    }

    private async Task PauseGatewayAsync(Node gateway, TimeSpan pause)
    {
        await PauseAsync(gateway, pause);
        history.Continuations.Enqueue(Stopwatch.GetTimestamp());
    }

    /// <summary>
    /// Stops only one server of a cluster at a time: without two of three primaries there is no majority, and the run shows nothing.
    /// </summary>
    private async Task KillRedisAsync(RedisServer server, TimeSpan down)
    {
        await _redisLock.WaitAsync();
        try
        {
            await server.KillAsync();

            // This is long enough for a replica, if there is one, to take over.
            await Task.Delay(redis.Count > 1 ? TimeSpan.FromSeconds(3) + down : down);
            await server.StartAgainAsync();
            if (redis.Count > 1) await Task.Delay(TimeSpan.FromSeconds(3));
        }
        finally
        {
            _redisLock.Release();
        }
    }

    private async Task PauseRedisAsync(RedisServer server, TimeSpan pause)
    {
        await _redisLock.WaitAsync();
        try
        {
            Signals.Stop(server.ProcessId);
            await Task.Delay(pause);
            Signals.Continue(server.ProcessId);
        }
        finally
        {
            _redisLock.Release();
        }
    }
}
